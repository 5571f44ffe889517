//! What a machine is asked to be, and what is found of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::name::{ImageName, WorkspaceName};
use nexus_events::spec::Resources;
use nexus_events::workspace::MachineExit;
use tokio::sync::mpsc;

/// What a machine is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    /// Whose machine it is.
    pub workspace: WorkspaceId,
    /// What the workspace is called; the machine's host name.
    pub name: WorkspaceName,
    /// The operation that asks, for the labels of what is made.
    pub operation: OperationId,
    /// Its epoch: a machine made at a later one is not touched.
    pub epoch: u64,
    /// What it starts from; `None`: the provider's base image.
    pub image: Option<ImageName>,
    /// Limits.
    pub resources: Resources,
    /// Environment of everything inside. Nothing secret: engines show it.
    pub environment: BTreeMap<String, String>,
    /// A repository on this host, for `file://`: readable inside at [`SOURCE_DIRECTORY`] from the
    /// first start on. What was there when the machine was made counts; the original may go.
    pub source: Option<PathBuf>,
}

/// The work user's number, where the image does not have that user yet.
pub const WORK_USER_ID: u32 = 1000;

/// Where [`MachineSpec::source`] is seen inside.
pub const SOURCE_DIRECTORY: &str = "/.nexus/source";

impl MachineSpec {
    /// What the machine's home volume is called, `workspace-<name>-home`.
    ///
    /// Names are unique per owner only. A provider whose volumes share one namespace uses
    /// [`MachineSpec::home_volume_apart`] when this one belongs to another workspace; which of the
    /// two a workspace has is told by the volume's label, so it is found again and deleted.
    pub fn home_volume(&self) -> String {
        format!("workspace-{}-home", self.name)
    }

    /// The same, told apart from another owner's workspace of the same name by the id.
    pub fn home_volume_apart(&self) -> String {
        format!(
            "workspace-{}-{}-home",
            self.name,
            self.workspace.uuid().simple()
        )
    }
}

/// What every engine calls the machine of a workspace: the id itself, which is a host label of 35
/// characters and never used again.
pub fn machine_name(workspace: WorkspaceId) -> String {
    workspace.to_string()
}

/// An image at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// As it was asked for, or the provider's base.
    pub name: String,
    /// Whether it was here before the call.
    pub reused: bool,
    /// Who works in a machine made from it.
    pub user: String,
    /// That user's home directory, where the home volume goes.
    pub home: String,
}

impl Image {
    /// Who works in a machine whose image does not say.
    pub const DEFAULT_USER: &'static str = "dev";
}

/// A machine at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The provider's own id (a container id, a process id).
    pub handle: String,
    /// Whether it was here before the call.
    pub reused: bool,
}

/// What is found of a workspace's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The provider's own id, while there is a machine.
    pub handle: Option<String>,
    /// How it stands.
    pub state: MachineState,
}

/// How a machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineState {
    /// There is none.
    Absent,
    /// Made, never started.
    Created,
    /// It runs; whether init answers is another question.
    Running,
    /// It ended, and how.
    Stopped(MachineExit),
    /// The engine cannot say or use it any more; only deleting helps.
    Broken {
        /// What the engine says.
        cause: String,
    },
}

/// A machine of ours, as its labels tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedMachine {
    /// Whose.
    pub workspace: WorkspaceId,
    /// The operation that made it.
    pub operation: OperationId,
    /// The epoch of that operation.
    pub epoch: u64,
    /// The provider's own id.
    pub handle: String,
    /// Whether it runs.
    pub running: bool,
}

/// Takes lines for people about something that lasts, such as fetching an image.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<mpsc::Sender<String>>);

impl Progress {
    /// Lines go to `sender`; when it is full they are dropped, for no effect waits for its audience.
    pub fn to(sender: mpsc::Sender<String>) -> Self {
        Self(Some(sender))
    }

    /// Says a line.
    pub fn say(&self, line: impl Into<String>) {
        if let Some(sender) = &self.0 {
            let _full_or_unheard = sender.try_send(line.into());
        }
    }
}
