//! The users and their tokens. Personal fields stay sealed here: what is readable of them lives
//! in memory only ([`crate::directory`]), so that erasing a user leaves nothing behind.

use nexus_events::aggregate::Aggregate;
use nexus_events::envelope::Envelope;
use nexus_events::id::UserId;
use nexus_events::user::{Scope, User, UserEvent};
use rusqlite::{Connection, params};

use super::columns::{document, micros, record};
use super::{ProjectionError, Record};

/// The word for a scope in the column.
pub(crate) const fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "user",
        Scope::Admin => "admin",
    }
}

/// Users change rarely: read and written at once.
pub(super) fn apply(
    connection: &Connection,
    id: UserId,
    sequence: u64,
    event: &Envelope<UserEvent>,
) -> Result<(), ProjectionError> {
    let before = load(connection, id)?.unwrap_or_default();
    let state = before.state.evolve(&event.data);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO users (id, sequence, updated_at, registered_at, state)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            id.uuid().as_bytes(),
            sequence,
            micros(event.time),
            state
                .profile
                .as_ref()
                .map(|profile| micros(profile.registered_at)),
            document(&state),
        ])?;
    apply_to_tokens(connection, id, &event.data)
}

fn apply_to_tokens(
    connection: &Connection,
    user: UserId,
    event: &UserEvent,
) -> Result<(), ProjectionError> {
    match event {
        UserEvent::TokenIssued { id, token, at } => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO tokens (id, digest, user, scope, issued_at, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    id.uuid().as_bytes(),
                    token.digest,
                    user.uuid().as_bytes(),
                    word(token.scope),
                    micros(*at),
                    token.expires_at.map(micros),
                ])?;
        }
        UserEvent::TokenRevoked { id, .. } => {
            connection
                .prepare_cached("DELETE FROM tokens WHERE id = ?1")?
                .execute([id.uuid().as_bytes()])?;
        }
        UserEvent::Erased { .. } => {
            connection
                .prepare_cached("DELETE FROM tokens WHERE user = ?1")?
                .execute([user.uuid().as_bytes()])?;
        }
        UserEvent::Registered { .. }
        | UserEvent::KeyAdded { .. }
        | UserEvent::KeyRemoved { .. }
        | UserEvent::CertificateIssued { .. }
        | UserEvent::CredentialsChanged { .. }
        | UserEvent::ScriptsChanged { .. } => {}
    }
    Ok(())
}

/// The record of one user.
pub(crate) fn load(
    connection: &Connection,
    id: UserId,
) -> Result<Option<Record<User>>, ProjectionError> {
    record(
        connection,
        "users",
        "SELECT sequence, updated_at, state FROM users WHERE id = ?1",
        id.uuid().as_bytes(),
    )
}
