//! Operations whose deadline has passed end as failed: nothing stays stuck (invariant 7).

use jiff::Timestamp;
use nexus_events::workspace::Command;

use super::{ReconcileError, Reconciler};
use crate::projections::micros;

impl Reconciler {
    /// Ends every overdue operation; gives how many.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn overdue_operations(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        let overdue = self
            .queries
            .workspaces_where("deadline <= ?1", [micros(now)])?;
        let mut ended = 0;
        for (workspace, record) in overdue {
            let Some(operation) = &record.state.operation else {
                continue;
            };
            let command = Command::TimeOut {
                operation: operation.id,
                now,
            };
            let done = self
                .decide("overdue-operations", workspace, record, &command, now)
                .await?;
            ended += usize::from(done);
        }
        Ok(ended)
    }
}
