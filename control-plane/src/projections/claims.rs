//! The claims: which names, ports and keys are held, and for whom.

use nexus_events::aggregate::Aggregate;
use nexus_events::claim::{Claim, ClaimEvent, ClaimId};
use nexus_events::envelope::Envelope;
use rusqlite::{Connection, params};

use super::columns::{document, micros, record};
use super::{ProjectionError, Record};

/// A claim has few events in its life: read and written at once.
pub(super) fn apply(
    connection: &Connection,
    id: &ClaimId,
    sequence: u64,
    event: &Envelope<ClaimEvent>,
) -> Result<(), ProjectionError> {
    let before = load(connection, id)?.unwrap_or_default();
    let state = before.state.evolve(&event.data);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO claims (id, sequence, updated_at, holder, state)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            id.to_string(),
            sequence,
            micros(event.time),
            state.holder.map(|holder| *holder.uuid().as_bytes()),
            document(&state),
        ])?;
    Ok(())
}

/// The record of one claim.
pub(crate) fn load(
    connection: &Connection,
    id: &ClaimId,
) -> Result<Option<Record<Claim>>, ProjectionError> {
    record(
        connection,
        "claims",
        "SELECT sequence, updated_at, state FROM claims WHERE id = ?1",
        id.to_string(),
    )
}
