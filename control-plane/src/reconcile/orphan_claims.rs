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
            tracing::info!(%claim, %holder, "releasing an orphan claim");
            let event = context("orphan-claims", now);
            self.commands.release_claim(&claim, holder, event).await?;
            released += 1;
        }
        Ok(released)
    }
}
