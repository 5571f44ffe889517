//! Whose SSH keys are, by what users have and by what is claimed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nexus_events::claim::{Claim, ClaimId, KeyDigest};
use nexus_events::id::UserId;

use super::{Queries, QueryError};
use crate::projections;

/// A claim of a key that is held, as it is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldKey {
    pub(crate) user: UserId,
    pub(crate) claimed_at: Timestamp,
    /// When that was stored.
    pub(crate) updated_at: Timestamp,
}

impl Queries {
    /// Every key of every user, in the order they registered.
    pub(crate) fn keys_of_users(&self) -> Result<Vec<(UserId, KeyDigest)>, QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT users.id, keys.key FROM users, json_each(users.state, '$.keys') AS keys
                 ORDER BY users.registered_at, users.id",
            )?;
            let rows = statement.query_map([], |row| {
                let user = row.get(0).map(uuid::Uuid::from_bytes)?;
                Ok((UserId::from_uuid(user), row.get::<_, String>(1)?))
            })?;
            let mut keys = Vec::new();
            for row in rows {
                let (user, fingerprint) = row?;
                keys.extend(KeyDigest::of_fingerprint(&fingerprint).map(|key| (user, key)));
            }
            Ok(keys)
        })
    }

    /// Every key that is claimed.
    pub(crate) fn held_keys(&self) -> Result<BTreeMap<KeyDigest, HeldKey>, QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, updated_at, state FROM claims
                 WHERE id >= 'key-' AND id < 'key.' AND holder IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| {
                let updated_at = projections::time(row.get(1)?);
                Ok((
                    row.get::<_, String>(0)?,
                    updated_at,
                    row.get::<_, String>(2)?,
                ))
            })?;
            let mut held = BTreeMap::new();
            for row in rows {
                let (id, updated_at, state) = row?;
                let claim: Claim = projections::parsed("claims", &state)?;
                let user = claim.holder.and_then(|holder| holder.user());
                let (Ok(ClaimId::Key(key)), Some(user), Some(claimed_at)) =
                    (id.parse(), user, claim.changed_at)
                else {
                    continue;
                };
                held.insert(
                    key,
                    HeldKey {
                        user,
                        claimed_at,
                        updated_at,
                    },
                );
            }
            Ok(held)
        })
    }
}
