//! What finds whatever a lost timer, message or process missed.
//!
//! A task takes no input: it looks at what is so, now, and does what is left to be done. It runs
//! when it is told something may be amiss, and on a timer; running it twice is harmless, because
//! every change is a decision against the state of that moment, and every decision has an answer
//! for "already so". Several replicas may run it at once.

mod driver;
mod idle_workspaces;
mod key_claims;
mod lost_nodes;
mod orphan_claims;
mod overdue_operations;
mod undelivered_commands;

pub(crate) use driver::drive;

use jiff::Timestamp;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CommandId, CorrelationId, EventId, WorkspaceId};
use nexus_events::workspace::Command;
use uuid::Uuid;

use crate::commands::{CommandError, Commands};
use crate::policies::{PerformError, Performer};
use crate::projections::{ProjectionError, Record};
use crate::queries::{Queries, QueryError};

/// What tasks work with.
#[derive(Debug, Clone)]
pub struct Reconciler {
    commands: Commands,
    queries: Queries,
    performer: Performer,
    /// Nothing heard before this can be held against a node.
    listening_since: Timestamp,
}

/// Why a task stopped early; it runs again soon.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The read model failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A decision could not be recorded.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The bus was asked or told something in vain.
    #[error("asking the bus")]
    Perform(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<ProjectionError> for ReconcileError {
    fn from(error: ProjectionError) -> Self {
        Self::Query(error.into())
    }
}

impl From<PerformError> for ReconcileError {
    fn from(error: PerformError) -> Self {
        Self::Perform(error.into())
    }
}

impl Reconciler {
    pub(crate) fn new(performer: Performer, listening_since: Timestamp) -> Self {
        let (commands, queries) = (performer.commands.clone(), performer.queries.clone());
        Self {
            commands,
            queries,
            performer,
            listening_since,
        }
    }

    /// Notes how far the read model is behind the log.
    async fn note_lag(&self) {
        let lag = u32::try_from(self.queries.freshness().await.lag).unwrap_or(u32::MAX);
        metrics::gauge!("nexus_projection_lag_events").set(lag);
    }

    /// Records a decision of the task `name` about a workspace; what no longer holds is no fault.
    async fn decide(
        &self,
        name: &'static str,
        workspace: WorkspaceId,
        known: Record<nexus_events::workspace::Workspace>,
        command: &Command,
        now: Timestamp,
    ) -> Result<bool, ReconcileError> {
        let outcome = self
            .commands
            .on_workspace(
                workspace,
                known,
                command,
                about(command, context(name, now)),
            )
            .await;
        match outcome {
            Ok(outcome) => Ok(matches!(
                outcome.effect,
                nexus_nats::repository::Effect::Appended { .. }
            )),
            Err(CommandError::NotInFlight(_) | CommandError::Deleted) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What ends an operation follows from the command that it be brought about.
fn about(command: &Command, context: Context) -> Context {
    let (Command::TimeOut { operation, .. } | Command::Abandon { operation, .. }) = command else {
        return context;
    };
    let causation = Some(CommandId::of_operation(*operation).to_string());
    Context {
        causation,
        ..context
    }
}

/// The envelope of what the task `name` decides.
fn context(name: &'static str, at: Timestamp) -> Context {
    Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at,
        actor: Actor::system(name),
        correlation: CorrelationId::from_uuid(Uuid::now_v7()),
        causation: None,
        traceparent: None,
    }
}
