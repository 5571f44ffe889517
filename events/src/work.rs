//! What a worker is told, and what it tells beside events: commands and the output of steps.

mod exec;

pub use exec::{Bytes, ExecExit, ExecFrame};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::envelope::Actor;
use crate::id::{CommandId, CorrelationId, EventId, NodeId, OperationId, WorkspaceId};
use crate::spec::Provider;
use crate::workspace::{OperationKind, Step, Workspace};

impl CommandId {
    /// The command that tells a worker of `operation`; there is one for each.
    pub fn of_operation(operation: OperationId) -> Self {
        Self::derived(operation.to_string())
    }
}

/// A command on the work queue: bring about one operation of one workspace.
///
/// Its id derives from the event that caused it, so publishing it twice is harmless. The state
/// travels along as of `sequence`; a worker whose append conflicts reads what came after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkCommand {
    /// Derived from the event that caused it.
    pub id: CommandId,
    /// About which workspace.
    pub workspace: WorkspaceId,
    /// Which operation, which the worker names in every report.
    pub operation: OperationId,
    /// What it is to bring about.
    pub kind: OperationKind,
    /// The fence.
    pub epoch: u64,
    /// When the operation ends at the latest.
    pub deadline: Timestamp,
    /// The provider it is for.
    pub provider: Provider,
    /// The node it is for; `None`: any with room.
    pub node: Option<NodeId>,
    /// The event that caused it.
    pub cause: EventId,
    /// The request all of this follows from.
    pub correlation: CorrelationId,
    /// Who asked.
    pub actor: Actor,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The workspace as of `sequence`.
    pub workspace_state: Workspace,
    /// The stream sequence of the workspace's last event known when this was written.
    pub sequence: u64,
    /// The owner's public SSH keys, one line each. They pass through here and are never stored.
    pub authorized_keys: Vec<String>,
}

/// Where a line of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The worker or init itself.
    System,
}

/// A piece of a step's output, as kept in the log stream (not in the event log).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChunk {
    /// When it was read.
    pub at: Timestamp,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The operation; services that outlive theirs keep the id of the one that started them.
    pub operation: OperationId,
    /// The step.
    pub step: Step,
    /// Where it came from.
    pub stream: OutputStream,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}
