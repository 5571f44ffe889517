//! From a bearer's token to who they are.

use jiff::Timestamp;
use nexus_events::id::{TokenId, UserId};
use rusqlite::OptionalExtension;
use sha2::{Digest as _, Sha256};

use super::{Queries, QueryError, users};
use crate::identity::Identity;
use crate::projections;

/// What every token starts with, so that a leaked one is recognised.
pub(crate) const TOKEN_PREFIX: &str = "nxs_";

/// SHA-256 of a token's text.
pub(crate) type Digest = [u8; 32];

/// SHA-256 of a token's text, in hexadecimal: all that is ever stored of it.
pub(crate) fn token_digest(token: &str) -> String {
    hexadecimal(&digest(token))
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

fn hexadecimal(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Queries {
    /// When a token in force ends; the inner `None` is never, the outer that it counts no more.
    ///
    /// # Errors
    /// When the read model fails.
    pub fn token_end(&self, token: TokenId) -> Result<Option<Option<Timestamp>>, QueryError> {
        self.database.read(|connection| {
            let found = connection
                .prepare_cached("SELECT expires_at FROM tokens WHERE id = ?1")?
                .query_row([*token.uuid().as_bytes()], |row| {
                    Ok(row.get::<_, Option<i64>>(0)?.map(projections::time))
                })
                .optional()?;
            Ok(found)
        })
    }

    /// Whose token this is; `None` when it is nobody's, revoked, or over.
    ///
    /// The lookup is by digest, so its time tells nothing of the text.
    ///
    /// # Errors
    /// When the read model fails.
    pub fn identify(&self, token: &str, now: Timestamp) -> Result<Option<Identity>, QueryError> {
        let digest = digest(token);
        let recent = &self.remembered.bearers;
        let ask = || self.bearer(&hexadecimal(&digest));
        let found = recent.or_ask(self.sequence(), digest, ask)?;
        let now = projections::micros(now);
        Ok(found
            .filter(|(_, ends)| ends.is_none_or(|ends| ends > now))
            .map(|(identity, _)| identity))
    }

    /// Whose token has this digest, and when it ends.
    fn bearer(&self, digest: &str) -> Result<Option<(Identity, Option<i64>)>, QueryError> {
        self.database.read(|connection| {
            let found = connection
                .prepare_cached("SELECT id, user, scope, expires_at FROM tokens WHERE digest = ?1")?
                .query_row([digest], |row| {
                    let identity = Identity::User {
                        token: TokenId::from_uuid(uuid::Uuid::from_bytes(row.get(0)?)),
                        id: UserId::from_uuid(uuid::Uuid::from_bytes(row.get(1)?)),
                        scope: users::scope(row.get_ref(2)?.as_str()?),
                    };
                    Ok((identity, row.get(3)?))
                })
                .optional()?;
            Ok(found)
        })
    }
}
