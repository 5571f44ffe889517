//! Everything that can happen to a workspace.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::NewOperation;
use super::state::{ActivitySource, Hold, Machine, ServiceStatus};
use super::step::Step;
use crate::aggregate::{EventData, Kind};
use crate::failure::Failure;
use crate::id::{NodeId, OperationId, UserId};
use crate::name::{HoldName, ServiceName, WorkspaceName};
use crate::spec::WorkspaceSpec;

/// A fact about a workspace. Written as `{"<name>": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "fields mean what they mean in `state`, `command` and `Report`"
)]
pub enum WorkspaceEvent {
    /// Somebody asked for a workspace and it was accepted.
    Requested {
        owner: UserId,
        name: WorkspaceName,
        spec: Box<WorkspaceSpec>,
        ssh_port: Option<u16>,
        operation: NewOperation,
    },
    /// It is to run again.
    StartRequested {
        operation: NewOperation,
        epoch: u64,
        supersedes: Option<OperationId>,
    },
    /// It is to be stopped.
    StopRequested {
        operation: NewOperation,
        epoch: u64,
        supersedes: Option<OperationId>,
        reason: StopReason,
    },
    /// It is to be removed.
    DeleteRequested {
        operation: NewOperation,
        epoch: u64,
        supersedes: Option<OperationId>,
    },
    /// Nothing used it for as long as its policy allows; it is to be stopped.
    IdleDetected {
        operation: NewOperation,
        epoch: u64,
        /// What the decision looked at: the newest sighting per source.
        looked_at: BTreeMap<ActivitySource, Timestamp>,
        /// The policy's window, in seconds.
        after_seconds: u32,
        /// Holds that were over by then, and when each ended.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        lapsed_holds: BTreeMap<HoldName, Timestamp>,
    },
    /// A worker took the operation to its node.
    Placed {
        operation: OperationId,
        epoch: u64,
        node: NodeId,
    },
    /// A step began.
    StepStarted {
        operation: OperationId,
        epoch: u64,
        step: Step,
    },
    /// A step ended well.
    StepSucceeded {
        operation: OperationId,
        epoch: u64,
        step: Step,
        duration_ms: u64,
        /// What came out of it, where that is worth a word (`reused`, `npm ci`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A step failed; the operation may still end well (a service) or not.
    StepFailed {
        operation: OperationId,
        epoch: u64,
        duration_ms: u64,
        failure: Failure,
    },
    /// The machine runs and its init answers: the container is ready.
    MachineReady {
        operation: OperationId,
        epoch: u64,
        machine: Machine,
    },
    /// The repository is in the workspace.
    RepositoryCloned {
        operation: OperationId,
        epoch: u64,
        commit: String,
        branch: String,
    },
    /// A service's health changed, during an operation or after it.
    ServiceChanged {
        epoch: u64,
        service: ServiceName,
        status: ServiceStatus,
        port: Option<u16>,
        mapped_port: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// Its node could not listen on its port for SSH: something else has it there.
    SshPortRefused {
        epoch: u64,
        port: u16,
        cause: String,
    },
    /// It answers SSH on another port of the pool from now on.
    SshPortMoved { from: u16, to: u16 },
    /// The workspace is up: create or start ended well.
    Ready {
        operation: OperationId,
        epoch: u64,
        at: Timestamp,
        partial: bool,
        duration_ms: u64,
    },
    /// The machine is down: stop ended well.
    Stopped {
        operation: OperationId,
        epoch: u64,
        duration_ms: u64,
    },
    /// Machine and files are gone: delete ended well.
    Deleted {
        operation: OperationId,
        epoch: u64,
        duration_ms: u64,
    },
    /// The operation failed.
    Failed {
        operation: OperationId,
        epoch: u64,
        failure: Failure,
    },
    /// The machine ended without being asked to.
    MachineExited { epoch: u64, exit: MachineExit },
    /// Something used the workspace.
    ActivityObserved {
        source: ActivitySource,
        at: Timestamp,
    },
    /// It is not to be stopped for idleness.
    HoldPlaced { name: HoldName, hold: Hold },
    /// A hold is over; from now on the workspace may become idle.
    HoldReleased { name: HoldName, at: Timestamp },
    /// A result came for an operation that is no longer in flight.
    ResultIgnored {
        operation: OperationId,
        epoch: u64,
        node: Option<NodeId>,
        /// The result, in a word (`ready`, `stopped`, `deleted`, `failed`).
        result: String,
    },
}

/// Why a workspace is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// A person asked.
    Person,
    /// Its time to live ran out.
    Expired,
}

/// How a machine ended that nobody stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineExit {
    /// The exit code, where the provider tells.
    pub code: Option<i64>,
    /// Whether the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// What the provider says.
    pub cause: String,
}

impl EventData for WorkspaceEvent {
    const KIND: Kind = Kind::Workspace;

    fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::StartRequested { .. } => "start_requested",
            Self::StopRequested { .. } => "stop_requested",
            Self::DeleteRequested { .. } => "delete_requested",
            Self::IdleDetected { .. } => "idle_detected",
            Self::Placed { .. } => "placed",
            Self::StepStarted { .. } => "step_started",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepFailed { .. } => "step_failed",
            Self::MachineReady { .. } => "machine_ready",
            Self::RepositoryCloned { .. } => "repository_cloned",
            Self::ServiceChanged { .. } => "service_changed",
            Self::SshPortRefused { .. } => "ssh_port_refused",
            Self::SshPortMoved { .. } => "ssh_port_moved",
            Self::Ready { .. } => "ready",
            Self::Stopped { .. } => "stopped",
            Self::Deleted { .. } => "deleted",
            Self::Failed { .. } => "failed",
            Self::MachineExited { .. } => "machine_exited",
            Self::ActivityObserved { .. } => "activity_observed",
            Self::HoldPlaced { .. } => "hold_placed",
            Self::HoldReleased { .. } => "hold_released",
            Self::ResultIgnored { .. } => "result_ignored",
        }
    }
}
