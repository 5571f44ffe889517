//! Performing effects: the one place where a reaction touches the outside.

use jiff::Timestamp;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::EventId;
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{Command, Report};
use nexus_nats::Published;
use nexus_nats::command_queue::QueueError;

use super::react::{Cause, Effect};
use crate::commands::{CommandError, Commands, release_context};
use crate::projections;
use crate::queries::Queries;

/// Who reports and releases in the place of a worker.
const ACTOR: &str = "policies";

/// Performs effects. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Performer {
    pub(crate) commands: Commands,
    pub(crate) queries: Queries,
}

/// How an effect went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Performed {
    /// It is done, now or before.
    Done,
    /// Another command for the workspace is still open: try again in a moment.
    Later,
}

/// Why an effect could not be performed; all of it may be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PerformError {
    #[error("queueing a command")]
    Queue(#[from] QueueError),
    #[error("recording what follows")]
    Command(#[from] CommandError),
}

impl Performer {
    /// Performs one effect of `cause`. Performing it twice is harmless.
    pub(crate) async fn perform(
        &self,
        effect: Effect,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<Performed, PerformError> {
        match effect {
            Effect::Publish(command) => self.publish(*command, Again::No).await,
            Effect::Report {
                workspace,
                operation,
                report,
            } => {
                let report = as_of(report, now);
                let known = self
                    .queries
                    .database
                    .read(|connection| projections::workspace(connection, workspace))
                    .map_err(CommandError::from)?;
                let command = Command::Report {
                    operation: operation.id,
                    epoch: operation.epoch,
                    node: None,
                    report,
                };
                let id = EventId::derived(format!("{}:report", cause.event));
                let context = self.context(cause, id, now);
                let known = known.unwrap_or_default();
                self.commands
                    .on_workspace(workspace, known, &command, context)
                    .await?;
                Ok(Performed::Done)
            }
            Effect::MoveSshPort { workspace, refused } => {
                let id = EventId::derived(format!("{}:moved", cause.event));
                let context = self.context(cause, id, now);
                self.commands
                    .move_ssh_port(workspace, refused, context)
                    .await?;
                Ok(Performed::Done)
            }
            Effect::Release { workspace, claims } => {
                for claim in claims {
                    let actor = Actor::system(ACTOR);
                    let causation = Some(cause.causation.clone());
                    let context = release_context(actor, cause.correlation, causation, now);
                    self.commands
                        .release_claim(&claim, workspace, context)
                        .await?;
                }
                Ok(Performed::Done)
            }
        }
    }

    /// Queues a command with the owner's keys as they are now.
    pub(crate) async fn publish(
        &self,
        mut command: WorkCommand,
        again: Again,
    ) -> Result<Performed, PerformError> {
        if let Some(definition) = &command.workspace_state.definition {
            let owner = definition.owner;
            command.authorized_keys = self.queries.directory.authorized_keys(owner).await;
        }
        let dispatch = &self.queries.backbone.dispatch;
        let published = match again {
            Again::No => dispatch.publish(&command).await?,
            Again::Yes => dispatch.publish_again(&command).await?,
        };
        metrics::counter!("nexus_commands_published_total", "kind" => kind(&command)).increment(1);
        Ok(match published {
            Published::Queued | Published::Repeated => Performed::Done,
            Published::Busy => Performed::Later,
        })
    }

    fn context(&self, cause: &Cause, id: EventId, at: Timestamp) -> Context {
        Context {
            id,
            at,
            actor: Actor::system(ACTOR),
            correlation: cause.correlation,
            causation: Some(cause.causation.clone()),
            traceparent: cause.traceparent.clone(),
        }
    }
}

/// Whether the server's memory of what was queued a moment ago is to be overruled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    Yes,
}

/// A pure reaction knows no clock; the report is made now.
fn as_of(report: Report, now: Timestamp) -> Report {
    match report {
        Report::Stopped { .. } => Report::Stopped { at: now },
        Report::Deleted { .. } => Report::Deleted { at: now },
        other => other,
    }
}

fn kind(command: &WorkCommand) -> &'static str {
    use nexus_events::workspace::OperationKind;
    match command.kind {
        OperationKind::Create => "create",
        OperationKind::Start => "start",
        OperationKind::Stop => "stop",
        OperationKind::Delete => "delete",
    }
}
