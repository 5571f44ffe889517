//! Operations in flight that no worker has and no message tells of are told again.
//!
//! A command gets here when the queue was busy with the one before, when it was lost with a disk,
//! or when a worker took it and ended without putting it back. One that was taken long ago, is open
//! still and in nobody's hands is stuck (`nexus_nats::CommandQueue::withdraw` says how that comes),
//! and makes way.

use jiff::{SignedDuration, Timestamp};
use nexus_events::envelope::Actor;
use nexus_events::id::{CommandId, CorrelationId, EventId, WorkspaceId};
use nexus_events::workspace::{Operation, OperationKind, Report, Workspace};
use nexus_nats::QueueError;

use super::{ReconcileError, Reconciler};
use crate::policies::{Again, Cause, Effect, work_command};
use crate::projections::Record;

/// The policy's own attempt is given this long.
const GRACE: SignedDuration = SignedDuration::from_millis(1_500);
/// A command that was taken comes again after seconds, or its node says that it has it.
const STUCK: SignedDuration = SignedDuration::from_secs(20);

impl Reconciler {
    /// Queues what was not delivered; gives how many.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn undelivered_commands(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        let in_flight = self.queries.workspaces_where("deadline > ?1", [0])?;
        let mut queued = 0;
        for (workspace, record) in in_flight {
            let Some(operation) = record.state.operation.clone() else {
                continue;
            };
            if now.duration_since(operation.requested_at) < GRACE
                || self.is_worked_on(&record.state, &operation)
                || !self.has_its_way_clear(workspace, now).await?
            {
                continue;
            }
            self.tell_again(workspace, &operation, record, now).await?;
            queued += 1;
        }
        Ok(queued)
    }

    /// Whether an operation in flight is still too young to be looked at.
    pub(super) fn has_young_operations(&self, now: Timestamp) -> Result<bool, ReconcileError> {
        let in_flight = self.queries.workspaces_where("deadline > ?1", [0])?;
        let young = |operation: &Operation| now.duration_since(operation.requested_at) < GRACE;
        Ok(in_flight
            .iter()
            .any(|(_, record)| record.state.operation.as_ref().is_some_and(young)))
    }

    /// Its node says that it has it.
    fn is_worked_on(&self, state: &Workspace, operation: &Operation) -> bool {
        let heartbeat = state.node.and_then(|node| self.queries.pulse.of(node));
        heartbeat.is_some_and(|heartbeat| heartbeat.running.contains(&operation.id))
    }

    /// Whether no message tells of it already, nor keeps it from being told. One that is stuck is
    /// taken out of its way.
    async fn has_its_way_clear(
        &self,
        workspace: WorkspaceId,
        now: Timestamp,
    ) -> Result<bool, ReconcileError> {
        let queue = &self.queries.backbone.dispatch;
        let failed = |error: QueueError| ReconcileError::Perform(error.into());
        let Some(pending) = queue.pending(workspace).await.map_err(failed)? else {
            return Ok(true);
        };
        let is_old = now.duration_since(pending.since) > STUCK;
        if !is_old || !queue.was_delivered(&pending).await.map_err(failed)? {
            return Ok(false);
        }
        tracing::warn!(
            %workspace,
            command = pending.id.map(tracing::field::display),
            since = %pending.since,
            "a command is stuck in the queue and makes way"
        );
        queue.withdraw(&pending).await.map_err(failed)?;
        Ok(true)
    }

    async fn tell_again(
        &self,
        workspace: WorkspaceId,
        operation: &Operation,
        record: Record<Workspace>,
        now: Timestamp,
    ) -> Result<(), ReconcileError> {
        let cause = Cause {
            event: EventId::derived(format!("{}:again", operation.id)),
            causation: CommandId::of_operation(operation.id).to_string(),
            actor: Actor::system("undelivered-commands"),
            correlation: CorrelationId::derived(operation.id.to_string()),
            traceparent: None,
        };
        let report = match (operation.kind, record.state.node) {
            (OperationKind::Stop, None) => Some(Report::Stopped { at: now }),
            (OperationKind::Delete, None) => Some(Report::Deleted { at: now }),
            (OperationKind::Create | OperationKind::Start, _)
            | (OperationKind::Stop | OperationKind::Delete, Some(_)) => None,
        };
        if let Some(report) = report {
            let effect = Effect::Report {
                workspace,
                operation: Box::new(operation.clone()),
                report,
            };
            self.performer.perform(effect, &cause, now).await?;
        } else if let Some(command) = work_command(workspace, operation, &cause, &record.into()) {
            self.performer.publish(command, Again::Yes).await?;
        }
        Ok(())
    }
}
