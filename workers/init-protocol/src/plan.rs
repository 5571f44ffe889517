//! The set-up plan: all that init needs to know to turn a bare machine into a workspace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::service::{CommandLine, ServiceSpec};

/// Applied once per operation and epoch: the same pair again attaches to the set-up under way or
/// finished, an older epoch is refused, a newer one replaces what is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupPlan {
    /// The operation this plan belongs to; every report bears it.
    pub operation: String,
    /// Grows with each operation of the workspace.
    pub epoch: u64,
    /// Who works here.
    #[serde(default)]
    pub user: WorkUser,
    /// Public keys that may log in by SSH, one `authorized_keys` line each, without options.
    #[serde(default)]
    pub authorized_keys: Vec<String>,
    /// Whether SSH clients may forward their agent.
    #[serde(default)]
    pub allow_agent_forwarding: bool,
    /// Absolute; holds the clone, owned by the user.
    #[serde(default = "default_directory")]
    pub workspace_directory: String,
    /// Cloned into the workspace directory when it is not there yet.
    #[serde(default)]
    pub repository: Option<Repository>,
    /// Given to hooks, services, execs and shells. Not for secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Written to a tmpfs, readable by the user only; `NEXUS_SECRETS` names the directory.
    #[serde(default)]
    pub secret_files: Vec<SecretFile>,
    /// Used when the repository has no `.nexus/config.yaml` or names no services there.
    #[serde(default)]
    pub services: Vec<ServiceSpec>,
    /// Added to those of the repository, before them.
    #[serde(default)]
    pub hooks: Hooks,
    /// Whether dependencies are installed.
    #[serde(default = "default_true")]
    pub install: bool,
    /// Limits per step.
    #[serde(default)]
    pub timeouts: StepTimeouts,
    /// Activity of one source is reported at most once in this time, in milliseconds.
    #[serde(default = "default_activity_interval")]
    pub activity_interval_ms: u64,
}

impl SetupPlan {
    /// A plan with the defaults of every field, for one operation.
    pub fn new(operation: impl Into<String>, epoch: u64) -> Self {
        Self {
            operation: operation.into(),
            epoch,
            user: WorkUser::default(),
            authorized_keys: Vec::new(),
            allow_agent_forwarding: false,
            workspace_directory: default_directory(),
            repository: None,
            env: BTreeMap::new(),
            secret_files: Vec::new(),
            services: Vec::new(),
            hooks: Hooks::default(),
            install: true,
            timeouts: StepTimeouts::default(),
            activity_interval_ms: default_activity_interval(),
        }
    }
}

fn default_directory() -> String {
    "/workspace".to_owned()
}

fn default_true() -> bool {
    true
}

fn default_activity_interval() -> u64 {
    120_000
}

/// The user who owns the workspace directory and runs everything in it. Made when the image lacks
/// it; an existing user of this name keeps its ids, home and shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkUser {
    /// Login name.
    pub name: String,
    /// Used when the user has to be made; the group gets the same number.
    pub uid: u32,
    /// Used when the user has to be made.
    pub home: String,
}

impl Default for WorkUser {
    fn default() -> Self {
        Self {
            name: "dev".to_owned(),
            uid: 1000,
            home: "/home/dev".to_owned(),
        }
    }
}

/// What to clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// `https://`, `ssh://`, `git@host:path` or `file://`; anything else is refused.
    pub url: String,
    /// The remote's default branch when absent.
    #[serde(default)]
    pub branch: Option<String>,
    /// Commits to fetch; everything when absent.
    #[serde(default)]
    pub depth: Option<u32>,
    /// For private repositories; never part of the URL.
    #[serde(default)]
    pub credential: Option<RepositoryCredential>,
}

/// How to prove to the git server who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryCredential {
    /// User name and token for https.
    Token {
        /// `x-access-token` suits GitHub.
        username: String,
        /// The token.
        token: SecretText,
    },
    /// A private key in OpenSSH form for ssh.
    SshKey(SecretText),
}

/// A file that exists only in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// A plain file name, without slashes.
    pub name: String,
    /// Its content.
    pub content: SecretText,
}

/// Commands of the user that run at fixed points.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// Once, after the dependencies of a new clone are installed.
    pub post_create: Vec<CommandLine>,
    /// At every start, before the services.
    pub post_start: Vec<CommandLine>,
}

/// Limits in milliseconds after which a step has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepTimeouts {
    /// Host key, authorized keys, user.
    pub ssh_ms: u64,
    /// The clone.
    pub clone_ms: u64,
    /// Each command of the dependency installation.
    pub install_ms: u64,
    /// Each hook.
    pub hook_ms: u64,
}

impl Default for StepTimeouts {
    fn default() -> Self {
        Self {
            ssh_ms: 30_000,
            clone_ms: 600_000,
            install_ms: 1_200_000,
            hook_ms: 600_000,
        }
    }
}
