//! What the API answers, shared by the server that writes it and the command line that reads it.

mod connect;
mod seed;
mod sign_in;
mod ssh;
mod terminal;
mod user_settings;
mod workspace;

pub use connect::{
    DifferenceView, OpenPreviewRequest, OpenedPreview, PlaceHoldRequest, PreviewView,
    ProjectionView, ProjectionWork, ProjectionWorkView, TableView,
};
pub use seed::{
    CreateWorkspaceReply, CreateWorkspaceRequest, RegisterUserReply, RegisterUserRequest,
    RepositoryRequest, ServiceRequest, StatusRepository, StatusService, StatusSsh,
    WorkspaceStatusReply,
};
pub use sign_in::{SignInRequest, SignInView, TicketView};
pub use ssh::{AuthorityView, CertificateReply, CertificateRequest, JumpHostView};
pub use terminal::{
    BINARY_PROTOCOL, DESCRIPTOR_HEADER, JSON_PROTOCOL, STREAM_PROTOCOL, TerminalAsk, TerminalList,
    TerminalTold, TerminalView,
};
pub use user_settings::{CredentialView, CredentialsChange, CredentialsView, Scripts};
pub use workspace::Surroundings;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::{NodeId, OperationId, TokenId, UserId, WorkspaceId};
use crate::name::{GitRef, HoldName, ServiceName, WorkspaceName};
use crate::node::{NodeProfile, NodeStatus};
use crate::spec::{Provider, WorkspaceSpec};
use crate::status::WorkspaceStatus;
use crate::user::Scope;
use crate::workspace::{ActivitySource, Hold, OperationKind, Phase, ServiceStatus, Step};

/// A list, and how fresh it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the rest; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The newest event of the log this answer reflects.
    pub sequence: u64,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceView {
    /// Its id.
    pub id: WorkspaceId,
    /// What its owner calls it.
    pub name: WorkspaceName,
    /// Whose it is.
    pub owner: UserId,
    /// The owner's GitHub login, unless erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_login: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// The same in the five words of `/api/v1`.
    pub status: WorkspaceStatus,
    /// Its node is lost: phase is the last thing heard, not what is so.
    pub unknown: bool,
    /// It runs although something in it failed.
    pub partial: bool,
    /// What makes its machine.
    pub provider: Provider,
    /// The node that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The image its machine was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What is cloned into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryView>,
    /// Its services.
    pub services: BTreeMap<ServiceName, ServiceView>,
    /// How to open a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshView>,
    /// The operation in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationSummary>,
    /// Why the last operation failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When each source last used it.
    pub activity: BTreeMap<ActivitySource, Timestamp>,
    /// What keeps it from being stopped for idleness.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<HoldName, Hold>,
    /// When it will be stopped if nothing uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_stop_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last event was.
    pub updated_at: Timestamp,
    /// Its version: the sequence of its last event.
    pub version: u64,
    /// The newest event of the log this answer reflects.
    pub sequence: u64,
}

/// A cloned repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepositoryView {
    /// The account it belongs to.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Where it was cloned from.
    pub url: String,
    /// The branch asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<GitRef>,
    /// The commit it was cloned at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceView {
    /// Its health.
    pub status: ServiceStatus,
    /// The port inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The port outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_port: Option<u16>,
    /// Where a browser finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How to open a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SshView {
    /// The host to connect to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user inside.
    pub user: String,
    /// The host key in OpenSSH's one-line form, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

/// An operation in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationSummary {
    /// Its id.
    pub id: OperationId,
    /// What it is to bring about.
    pub kind: OperationKind,
    /// The step it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// When it was accepted.
    pub requested_at: Timestamp,
    /// When it ends at the latest.
    pub deadline: Timestamp,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Under way.
    InFlight,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// A newer intent took its place.
    Superseded,
}

/// An operation, from acceptance to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationView {
    /// Its id.
    pub id: OperationId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What its owner calls the workspace.
    pub workspace_name: WorkspaceName,
    /// What it is to bring about.
    pub kind: OperationKind,
    /// How it stands.
    pub state: OperationState,
    /// Why it began: `person`, `idle`, `expired`.
    pub reason: String,
    /// The fence.
    pub epoch: u64,
    /// The node that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Its steps, in order of their beginning.
    pub steps: Vec<StepView>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it was accepted.
    pub requested_at: Timestamp,
    /// When it ends at the latest.
    pub deadline: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from acceptance to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The newest event of the log this answer reflects.
    pub sequence: u64,
}

/// One step of an operation: a bar of the waterfall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepView {
    /// Which.
    pub step: Step,
    /// How it stands.
    pub state: OperationState,
    /// When it began.
    pub started_at: Timestamp,
    /// Milliseconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What came out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What a write answers: what was accepted, and where to follow it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The operation that will bring it about; `None`: nothing was to be done.
    pub operation: Option<OperationId>,
    /// Why nothing was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event that recorded it; pass it as `min_seq` to read your own write.
    pub sequence: u64,
}

/// A request for a workspace in plain REST form (`POST /api/v1/workspaces`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// What it is to be called.
    pub name: WorkspaceName,
    /// What it is to be.
    pub spec: WorkspaceSpec,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Its id.
    pub id: NodeId,
    /// What it is.
    #[serde(flatten)]
    pub profile: NodeProfile,
    /// Where it stands.
    pub status: NodeStatus,
    /// When its worker was last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<Timestamp>,
    /// Operations it works on.
    pub running: Vec<OperationId>,
    /// Workspaces it holds.
    pub workspaces: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserView {
    /// Their id.
    pub id: UserId,
    /// Their GitHub login, unless erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_login: Option<String>,
    /// Fingerprints of their SSH keys.
    pub keys: Vec<String>,
    /// When they registered.
    pub registered_at: Timestamp,
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What it may do.
    pub scope: Scope,
    /// When it was handed out.
    pub issued_at: Timestamp,
    /// When it ends; `None`: when revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A token just issued: the only time its text is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedToken {
    /// Its id.
    pub id: TokenId,
    /// The text to send as `Authorization: Bearer …`.
    pub token: String,
}

/// An event as tails and timelines show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// Its place in the log.
    pub sequence: u64,
    /// The event as stored (CloudEvents 1.0).
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub event: serde_json::Value,
}

/// A piece of a step's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputView {
    /// Its place in the log of outputs.
    pub sequence: u64,
    /// When it was read.
    pub at: Timestamp,
    /// The operation.
    pub operation: OperationId,
    /// The step.
    pub step: Step,
    /// Where it came from.
    pub stream: crate::work::OutputStream,
    /// The text.
    pub text: String,
}

/// What the server is and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// `ok`, `degraded` or `unavailable`.
    pub status: String,
    /// The server's version.
    pub version: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// The newest event projected.
    pub sequence: u64,
    /// Events in the log that are not projected yet.
    pub lag: u64,
    /// Each thing it depends on, and how that fares.
    pub checks: BTreeMap<String, String>,
}
