//! Nodes that went silent are lost, those heard again have returned, and what a lost node had in
//! flight fails once it is unlikely to come back in time.

use jiff::{SignedDuration, Timestamp};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::NodeId;
use nexus_events::node::{Node, NodeCommand, NodeStatus};
use nexus_events::workspace::Command;

use super::{ReconcileError, Reconciler, context};
use crate::projections::Record;

const NAME: &str = "lost-nodes";

impl Reconciler {
    /// Brings what is known of nodes up to what was heard of them; gives how many changed.
    ///
    /// # Errors
    /// See [`ReconcileError`].
    pub async fn lost_nodes(&self, now: Timestamp) -> Result<usize, ReconcileError> {
        let nodes = self.queries.database.read(crate::queries::all_nodes)?;
        let mut changed = 0;
        for (id, record) in nodes {
            match self.judge(id, &record, now) {
                Some(NodeCommand::Lose { .. }) if self.beats_still(id, now).await? => {}
                Some(command) => {
                    let outcome = self
                        .commands
                        .on_node(id, &command, context(NAME, now))
                        .await;
                    outcome?;
                    changed += 1;
                }
                None if self.is_given_up(&record, now) => changed += self.abandon(id, now).await?,
                None => {}
            }
        }
        Ok(changed)
    }

    /// Whether the server has a sign of life of the node that was not heard here: this process
    /// may have been stopped for a while, or been cut off itself.
    async fn beats_still(&self, id: NodeId, now: Timestamp) -> Result<bool, ReconcileError> {
        let last = self.queries.backbone.heartbeats.last(id).await;
        let last = last.map_err(|error| ReconcileError::Perform(error.into()))?;
        let Some(last) = last else { return Ok(false) };
        let silence = now.duration_since(last.at);
        self.queries.pulse.hear(last);
        Ok(silence <= self.queries.settings.silence.lost)
    }

    /// What is to be said of a node.
    fn judge(&self, id: NodeId, record: &Record<Node>, now: Timestamp) -> Option<NodeCommand> {
        let heartbeat = self.queries.pulse.of(id);
        let last_heard = heartbeat.map(|heartbeat| heartbeat.at);
        // Joining counts as being heard, and so does our own start: we were not listening before.
        let heard = [last_heard, record.state.changed_at]
            .into_iter()
            .flatten()
            .max();
        let heard = heard
            .unwrap_or(self.listening_since)
            .max(self.listening_since);
        let silent = now.duration_since(heard) > self.queries.settings.silence.lost;
        match record.state.status {
            NodeStatus::Online | NodeStatus::Draining if silent => Some(NodeCommand::Lose {
                last_heard,
                at: now,
            }),
            NodeStatus::Lost if last_heard > record.state.changed_at => {
                Some(NodeCommand::Hear { at: now })
            }
            NodeStatus::Absent
            | NodeStatus::Online
            | NodeStatus::Draining
            | NodeStatus::Lost
            | NodeStatus::Left => None,
        }
    }

    /// Whether a node has been gone for so long that its operations cannot be waited for.
    fn is_given_up(&self, record: &Record<Node>, now: Timestamp) -> bool {
        let gone = matches!(record.state.status, NodeStatus::Lost | NodeStatus::Left);
        let since = record.state.changed_at.unwrap_or(now);
        let away: SignedDuration = now.duration_since(since);
        gone && away > self.queries.settings.silence.abandoned
    }

    /// Fails what is in flight on a node that is gone.
    async fn abandon(&self, node: NodeId, now: Timestamp) -> Result<usize, ReconcileError> {
        let sql = "node = ?1 AND operation IS NOT NULL";
        let in_flight = self
            .queries
            .workspaces_where(sql, [node.uuid().as_bytes()])?;
        let given = self.queries.settings.silence.abandoned;
        let mut failed = 0;
        for (workspace, record) in in_flight {
            let Some(operation) = &record.state.operation else {
                continue;
            };
            // An operation asked for since gets the same time to find the node back.
            if now.duration_since(operation.requested_at) <= given {
                continue;
            }
            let failure = Failure::new(
                FailureCode::NodeLost,
                format!(
                    "node {node} has not been heard from for more than {} s",
                    given.as_secs()
                ),
                "start its worker again, then try again: nexus node list",
            );
            let command = Command::Abandon {
                operation: operation.id,
                failure,
            };
            failed += usize::from(self.decide(NAME, workspace, record, &command, now).await?);
        }
        Ok(failed)
    }
}
