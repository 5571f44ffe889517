//! Services as init runs them: what to start, in which order, how to tell that they are well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A command of the user's own code, or one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandLine {
    /// Run by `sh -c` inside the workspace: text from the user's own repository or request.
    Shell(String),
    /// Run as it stands; the first word is the program.
    Argv(Vec<String>),
}

/// One service of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Lower-case letters, digits and hyphens; unique within the workspace.
    pub name: String,
    /// What to run.
    pub command: CommandLine,
    /// The port it listens on, given to it as `PORT` too.
    #[serde(default)]
    pub port: Option<u16>,
    /// Services that have to be healthy before this one starts.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Without one, a service with a port is checked by TCP, one without counts as healthy while it
    /// runs.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Added to the workspace's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Relative to the workspace directory, which is the default.
    #[serde(default)]
    pub directory: Option<String>,
    /// What happens when it exits by itself.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// From TERM to KILL, in milliseconds.
    #[serde(default = "default_grace")]
    pub stop_grace_ms: u64,
}

fn default_grace() -> u64 {
    10_000
}

/// How to tell that a service is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: HealthProbe,
    /// Between two probes, in milliseconds; while starting, probes come more often.
    #[serde(default = "default_interval")]
    pub interval_ms: u64,
    /// Limit of one probe, in milliseconds.
    #[serde(default = "default_probe_timeout")]
    pub timeout_ms: u64,
    /// From the start of the process to its first healthy answer, in milliseconds; then it counts
    /// as failed.
    #[serde(default = "default_start_timeout")]
    pub start_timeout_ms: u64,
    /// Failed probes in a row that make a healthy service unhealthy.
    #[serde(default = "default_retries")]
    pub retries: u32,
}

fn default_interval() -> u64 {
    5_000
}

fn default_probe_timeout() -> u64 {
    5_000
}

fn default_start_timeout() -> u64 {
    60_000
}

fn default_retries() -> u32 {
    3
}

impl HealthCheck {
    /// A check with the default times.
    pub fn new(probe: HealthProbe) -> Self {
        Self {
            probe,
            interval_ms: default_interval(),
            timeout_ms: default_probe_timeout(),
            start_timeout_ms: default_start_timeout(),
            retries: default_retries(),
        }
    }
}

/// The question a health check asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum HealthProbe {
    /// `GET path` on the port answers with a status below 400.
    Http {
        /// The service's own port when absent.
        #[serde(default)]
        port: Option<u16>,
        /// Starts with a slash.
        path: String,
    },
    /// The port accepts a connection.
    Tcp {
        /// The service's own port when absent.
        #[serde(default)]
        port: Option<u16>,
    },
    /// The command exits with 0.
    Exec {
        /// Run with the service's directory and environment.
        command: CommandLine,
    },
}

/// What happens when a service exits by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// It stays down.
    #[default]
    Never,
    /// It is started again after an exit code other than 0 or a signal.
    OnFailure {
        /// Then it is given up and counts as failed.
        max_restarts: u32,
        /// Wait before the first restart in milliseconds; doubles each time up to 30 s.
        backoff_ms: u64,
    },
}
