//! Workspaces nothing has used for their idle time are stopped; their files are kept.

use jiff::Timestamp;
use nexus_events::id::OperationId;
use nexus_events::workspace::{Command, NewOperation, OperationKind};
use uuid::Uuid;

use super::{ReconcileError, Reconciler};
use crate::projections::micros;

impl Reconciler {
    /// Stops every idle workspace; gives how many.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn idle_workspaces(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        let due = self
            .queries
            .workspaces_where("idle_at <= ?1", [micros(now)])?;
        let allowed = self.queries.settings.deadlines.of(OperationKind::Stop);
        let mut stopped = 0;
        for (workspace, record) in due {
            let operation = NewOperation {
                id: OperationId::from_uuid(Uuid::now_v7()),
                at: now,
                deadline: now.saturating_add(allowed).unwrap_or(Timestamp::MAX),
            };
            let command = Command::DetectIdle { operation };
            let done = self
                .decide("idle-workspaces", workspace, record, &command, now)
                .await?;
            stopped += usize::from(done);
        }
        Ok(stopped)
    }
}
