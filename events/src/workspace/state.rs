//! The folded state: definition, intent, observation, and the operation in flight.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::failure::Failure;
use crate::id::{NodeId, OperationId, UserId};
use crate::name::{HoldName, HoldReason, ServiceName, WorkspaceName};
use crate::spec::WorkspaceSpec;

/// Everything known of one workspace. The default is a workspace nobody asked for yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Workspace {
    /// Who asked for what; `None` only before the first event.
    pub definition: Option<Definition>,
    /// What is wanted.
    pub desired: Desired,
    /// What is so.
    pub phase: Phase,
    /// The epoch of the newest operation; 0 before the first.
    pub epoch: u64,
    /// The operation in flight.
    pub operation: Option<Operation>,
    /// The node that holds the machine, from placement until deletion.
    pub node: Option<NodeId>,
    /// The machine while it runs.
    pub machine: Option<Machine>,
    /// The commit the repository was cloned at.
    pub commit: Option<String>,
    /// Services and their health.
    pub services: BTreeMap<ServiceName, ServiceState>,
    /// Whether it runs although something in it failed.
    pub partial: bool,
    /// Whether its node could not listen on its port for SSH, until it gets another or the next
    /// operation tries again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ssh_port_refused: bool,
    /// Why the last operation failed, until the next one begins.
    pub failure: Option<Failure>,
    /// What it was last used by.
    pub activity: Activity,
    /// What keeps it from being stopped for idleness.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<HoldName, Hold>,
}

/// A reason not to stop an idle workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Why, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<HoldReason>,
    /// When it ends by itself; `None`: when it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it was placed.
    pub at: Timestamp,
}

impl Workspace {
    /// When it will be idle if nothing uses it: what was last seen of use, of holds and of its
    /// request, and the policy's window after that. `None` while a hold without an end is in
    /// force, and for a workspace that never stops by itself.
    pub fn idle_at(&self) -> Option<Timestamp> {
        let definition = self.definition.as_ref()?;
        let after = i64::from(definition.spec.idle.after_seconds?);
        let mut last = self.activity.last().unwrap_or(definition.requested_at);
        for hold in self.holds.values() {
            last = last.max(hold.until?);
        }
        last.checked_add(SignedDuration::from_secs(after)).ok()
    }
}

/// Who asked for what, and under which name and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Whose it is.
    pub owner: UserId,
    /// What they call it.
    pub name: WorkspaceName,
    /// What it is asked to be.
    pub spec: WorkspaceSpec,
    /// The port of the pool it answers SSH on; `None` when the pools were empty.
    pub ssh_port: Option<u16>,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// What is wanted of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Nobody asked for it yet.
    #[default]
    Nothing,
    /// It should run.
    Running,
    /// It should be stopped, its files kept.
    Stopped,
    /// It should be gone.
    Deleted,
}

/// What is so, as far as reports tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody asked for it yet.
    #[default]
    Absent,
    /// Accepted; no worker has taken it.
    Requested,
    /// A worker makes the machine and sets it up.
    Provisioning,
    /// The machine runs; services are starting.
    Starting,
    /// Ready for its owner.
    Running,
    /// On its way to stopped.
    Stopping,
    /// The machine is down, its files are kept.
    Stopped,
    /// On its way out.
    Deleting,
    /// Gone; its id is never used again.
    Deleted,
    /// The last operation failed; `failure` says why.
    Failed,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 10] = [
        Self::Absent,
        Self::Requested,
        Self::Provisioning,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Stopped,
        Self::Deleting,
        Self::Deleted,
        Self::Failed,
    ];

    /// The word for it in replies and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested => "requested",
            Self::Provisioning => "provisioning",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }
}

/// What an operation is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Make it and bring it up for the first time.
    Create,
    /// Bring it up again.
    Start,
    /// Bring it down, keep its files.
    Stop,
    /// Remove it and its files.
    Delete,
}

/// An operation in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// What it is to bring about.
    pub kind: OperationKind,
    /// The fence: one higher than the operation before.
    pub epoch: u64,
    /// When it was accepted.
    pub requested_at: Timestamp,
    /// When it ends at the latest.
    pub deadline: Timestamp,
    /// Whether a worker has taken it.
    pub placed: bool,
    /// The step it is in.
    pub step: Option<Step>,
}

/// The running machine, as its provider names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The provider's own id (a container id, a process id, a machine id).
    pub handle: String,
    /// The image or base tree it was made from.
    pub image: String,
    /// The SSH host key in OpenSSH's one-line form, once there is one.
    pub host_key: Option<String>,
    /// The user a shell starts as.
    pub user: String,
    /// That user's home directory.
    pub home: String,
    /// Where the repository is.
    pub directory: String,
}

/// A service, as last reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its health.
    pub status: ServiceStatus,
    /// The port it listens on inside.
    pub port: Option<u16>,
    /// The port of its node that leads there.
    pub mapped_port: Option<u16>,
    /// Why it is unhealthy or stopped.
    pub cause: Option<String>,
}

/// The health of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// Configured; waiting for what it depends on.
    Pending,
    /// Started; its health check has not passed yet.
    Starting,
    /// Running and healthy.
    Running,
    /// Running, but its health check fails.
    Unhealthy,
    /// It ended and will not be started again, or never became healthy.
    Failed,
    /// Stopped with its workspace.
    Stopped,
}

/// What keeps a workspace from being idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActivitySource {
    /// An SSH session with traffic.
    Ssh,
    /// A terminal with traffic.
    Terminal,
    /// A request through a mapped port or preview.
    Preview,
    /// A process a person or agent started.
    Process,
    /// A command run through the API.
    Exec,
    /// A person asked for it (start, hold).
    Person,
}

/// When each source was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// The newest sighting per source.
    pub sources: BTreeMap<ActivitySource, Timestamp>,
}

impl Activity {
    /// The newest sighting of all.
    pub fn last(&self) -> Option<Timestamp> {
        self.sources.values().max().copied()
    }
}
