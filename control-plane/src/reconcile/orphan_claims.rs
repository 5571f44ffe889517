//! Claims of names and ports whose workspace never came, went, or holds another are released.

use jiff::{SignedDuration, Timestamp};

use super::{ReconcileError, Reconciler, context};
use crate::projections::micros;

/// A request between its claims and its own event is left alone for this long.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(2);

impl Reconciler {
    /// Releases every orphan; gives how many.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn orphan_claims(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        let before = now.saturating_sub(GRACE).unwrap_or(Timestamp::MIN);
        let mut released = 0;
        for (claim, holder) in self.queries.orphan_claims(micros(before))? {
            let event = context("orphan-claims", now);
            // What is projected here may be older than the claim's own workspace.
            let orphan = self.commands.release_orphan(&claim, holder, event);
            if orphan.await? {
                tracing::info!(%claim, %holder, "released an orphan claim");
                released += 1;
            }
        }
        Ok(released)
    }
}
