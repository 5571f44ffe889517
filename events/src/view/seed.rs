//! The shapes of the first `/api/v1`, to the letter; `/api/v1/workspaces` and its kin are the
//! plain forms of the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{UserId, WorkspaceId};
use crate::name::{GithubLogin, ServiceName};
use crate::status::WorkspaceStatus;

/// `POST /api/v1/users/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterUserRequest {
    /// The GitHub login.
    pub github_username: GithubLogin,
    /// The number of the GitHub account; names change, this does not.
    pub github_id: u64,
    /// A public SSH key in one line.
    pub ssh_pubkey: String,
    /// Its fingerprint, checked against the key.
    pub ssh_pubkey_fingerprint: String,
}

/// The answer to a registration, the same for the first and every later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisterUserReply {
    /// The user's id.
    pub user_id: UserId,
    /// When they first registered.
    pub registered_at: Timestamp,
    /// Their workspaces.
    pub workspaces: Vec<WorkspaceId>,
}

/// `POST /api/v1/workspaces/create`. Fields are plain text here, so that every wrong one can be
/// named in a single answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateWorkspaceRequest {
    /// Whose it is to be.
    pub github_username: String,
    /// What it is to be called.
    pub workspace_name: String,
    /// What is cloned into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<RepositoryRequest>,
    /// What makes its machine; absent: whichever the server prefers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What the machine starts from; absent: the base image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Services; empty: whatever the repository configures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceRequest>,
}

/// A repository, as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RepositoryRequest {
    /// The account it belongs to.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Where git finds it; absent: on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The branch; absent: the remote's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// A service, as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceRequest {
    /// Its name.
    pub name: String,
    /// A command line for the shell inside the workspace.
    pub command: String,
    /// The port it listens on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Services that must be healthy first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How its health is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<crate::spec::HealthCheck>,
}

/// The answer to a request for a workspace (202).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateWorkspaceReply {
    /// Its id.
    pub workspace_id: WorkspaceId,
    /// `creating`.
    pub status: WorkspaceStatus,
    /// The port it will answer SSH on.
    pub ssh_port: Option<u16>,
    /// Where to ask how it goes.
    pub polling_url: String,
}

/// `GET /api/v1/workspaces/{id}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceStatusReply {
    /// Its id.
    pub workspace_id: WorkspaceId,
    /// Where it stands.
    pub status: WorkspaceStatus,
    /// How to open a shell; absent until there is a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<StatusSsh>,
    /// Its services.
    pub services: BTreeMap<ServiceName, StatusService>,
    /// What is cloned into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<StatusRepository>,
}

/// How to open a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusSsh {
    /// The host to connect to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user inside.
    pub user: String,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusService {
    /// `pending`, `starting`, `running`, `unhealthy`, `failed` or `stopped`.
    pub status: crate::workspace::ServiceStatus,
    /// The port inside.
    pub port: Option<u16>,
    /// The port outside.
    pub mapped_port: Option<u16>,
    /// Where a browser finds it.
    pub url: Option<String>,
}

/// A cloned repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusRepository {
    /// The account it belongs to.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The branch asked for.
    pub branch: Option<String>,
    /// The commit it was cloned at.
    pub commit: Option<String>,
}
