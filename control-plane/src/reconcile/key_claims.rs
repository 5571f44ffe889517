//! Claims of SSH keys follow what users have: a key is claimed that is not yet, as those of a log
//! older than such claims are; a claim is released whose key never came, or went.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::orphan_claims::GRACE;
use super::{ReconcileError, Reconciler, context};
use crate::commands::KeyClaim;

/// The name of the task in events and figures.
const NAME: &str = "key-claims";

/// Keys one run claims; the rest comes with the next.
const AT_ONCE: usize = 1_000;

impl Reconciler {
    /// Claims and releases what is left to be; gives how many.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn key_claims(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        // In this order: what is removed and let go of in between is not claimed anew.
        let held = self.queries.held_keys()?;
        let keys = self.queries.keys_of_users()?;
        let mut changed = 0;
        let unclaimed = keys.iter().filter(|(_, key)| !held.contains_key(key));
        for (user, key) in unclaimed.take(AT_ONCE) {
            // Two users may have one key in an old log: the first has the claim, and the key is
            // nobody's at the jump host until one of them removes it.
            let adopted = self.commands.adopt_key(*key, *user, context(NAME, now));
            changed += usize::from(adopted.await?);
        }
        let before = now.saturating_sub(GRACE).unwrap_or(Timestamp::MIN);
        let had: BTreeSet<_> = keys.into_iter().collect();
        for (key, claim) in held {
            let user = claim.user;
            if had.contains(&(user, key)) || claim.updated_at >= before {
                continue;
            }
            // What is projected here may be older than the claim's own addition.
            let stored = self.commands.stored_user(user).await?;
            if stored.state.keys.contains_key(&key.fingerprint()) {
                continue;
            }
            tracing::info!(%key, %user, "releasing the claim of a key that is nobody's");
            let claimed_at = claim.claimed_at;
            let claim = KeyClaim {
                key,
                user,
                claimed_at,
            };
            let event = context(NAME, now);
            self.commands.release_key(claim, event).await?;
            changed += 1;
        }
        Ok(changed)
    }
}
