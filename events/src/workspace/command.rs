//! Everything that can be asked of a workspace: by people, by policies, by workers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{MachineExit, StopReason};
use super::state::{ActivitySource, Hold, Machine, ServiceStatus};
use super::step::Step;
use crate::failure::Failure;
use crate::id::{NodeId, OperationId, UserId};
use crate::name::{HoldName, ServiceName, WorkspaceName};
use crate::spec::WorkspaceSpec;

/// An operation about to begin: ids and times come from outside the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOperation {
    /// Its id.
    pub id: OperationId,
    /// Now.
    pub at: Timestamp,
    /// When it ends at the latest.
    pub deadline: Timestamp,
}

/// What is asked of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields mean what they mean in `state`")]
pub enum Command {
    /// Make a workspace.
    Request {
        owner: UserId,
        name: WorkspaceName,
        spec: Box<WorkspaceSpec>,
        ssh_port: Option<u16>,
        operation: NewOperation,
    },
    /// Bring it up.
    Start { operation: NewOperation },
    /// Bring it down.
    Stop {
        operation: NewOperation,
        reason: StopReason,
    },
    /// Remove it.
    Delete { operation: NewOperation },
    /// Stop it if nothing used it for long enough, as of `operation.at`.
    DetectIdle { operation: NewOperation },
    /// A worker takes the operation in flight to its node.
    Place {
        operation: OperationId,
        epoch: u64,
        node: NodeId,
    },
    /// A worker tells how an operation goes.
    Report {
        operation: OperationId,
        epoch: u64,
        node: Option<NodeId>,
        report: Report,
    },
    /// A worker tells the health of a service, during an operation or after it.
    ReportService {
        epoch: u64,
        service: ServiceName,
        status: ServiceStatus,
        port: Option<u16>,
        mapped_port: Option<u16>,
        cause: Option<String>,
    },
    /// A worker cannot listen on the port for SSH: the bind is the last arbiter of who has one.
    ReportSshPort {
        epoch: u64,
        port: u16,
        cause: String,
    },
    /// Answer SSH on a port that was claimed in the place of one that cannot be listened on.
    MoveSshPort { from: u16, to: u16 },
    /// A worker found that the machine had ended unasked.
    ReportExit { epoch: u64, exit: MachineExit },
    /// Something used the workspace.
    ObserveActivity {
        source: ActivitySource,
        at: Timestamp,
    },
    /// Do not stop it for idleness.
    PlaceHold { name: HoldName, hold: Hold },
    /// The hold is over, if there is one.
    ReleaseHold { name: HoldName, at: Timestamp },
    /// The deadline of an operation may have passed by now.
    TimeOut {
        operation: OperationId,
        now: Timestamp,
    },
    /// The operation cannot go on, for a reason outside its worker (a lost node, no worker).
    Abandon {
        operation: OperationId,
        failure: Failure,
    },
}

/// How an operation goes, as its worker (or the control plane, where no machine was made) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields mean what they mean in `event`")]
pub enum Report {
    StepStarted {
        step: Step,
    },
    StepSucceeded {
        step: Step,
        duration_ms: u64,
        detail: Option<String>,
    },
    StepFailed {
        duration_ms: u64,
        failure: Failure,
    },
    MachineReady {
        machine: Machine,
    },
    RepositoryCloned {
        commit: String,
        branch: String,
    },
    Ready {
        at: Timestamp,
        partial: bool,
    },
    Stopped {
        at: Timestamp,
    },
    Deleted {
        at: Timestamp,
    },
    Failed {
        failure: Failure,
    },
}

impl Report {
    /// The word for a result that ends an operation; `None` for progress.
    pub const fn result(&self) -> Option<&'static str> {
        match self {
            Self::Ready { .. } => Some("ready"),
            Self::Stopped { .. } => Some("stopped"),
            Self::Deleted { .. } => Some("deleted"),
            Self::Failed { .. } => Some("failed"),
            Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::MachineReady { .. }
            | Self::RepositoryCloned { .. } => None,
        }
    }
}
