//! What init is and does at this moment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exec::ExitOutcome;
use crate::id::SessionId;
use crate::report::{Readiness, StepDetail, StepFailure, StepName};
use crate::terminal::TerminalSize;

/// The whole state, for a worker that (re)connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the init binary.
    pub init_version: String,
    /// Made anew at each start of init.
    pub boot_id: String,
    /// Start of init, in milliseconds since 1970-01-01 UTC.
    pub up_since_ms: u64,
    /// Number of the newest report; 0 when there is none.
    pub last_report: u64,
    /// The plan in force and how far it came; none before the first.
    pub setup: Option<SetupState>,
    /// In the order they start.
    pub services: Vec<ServiceState>,
    /// Terminal sessions, ended ones included while their output is kept.
    pub sessions: Vec<SessionState>,
    /// Executions running now.
    pub running_execs: u32,
    /// SSH connections open now.
    pub ssh_connections: u32,
    /// When who was last at work.
    pub activity: Activity,
    /// Revision of the access document in force; 0 for the plan's keys.
    #[serde(default)]
    pub access_revision: u64,
    /// Revision of the credentials in force; 0 when there are none.
    #[serde(default)]
    pub credentials_revision: u64,
}

/// How far a plan came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupState {
    /// The plan's operation.
    pub operation: String,
    /// The plan's epoch.
    pub epoch: u64,
    /// Under way or ended.
    pub phase: SetupPhase,
    /// Every step begun so far, in order.
    pub steps: Vec<StepState>,
}

/// Whether the set-up is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum SetupPhase {
    /// Steps are being done.
    Running,
    /// It came to its end.
    Finished {
        /// How.
        readiness: Readiness,
    },
}

/// One step of the set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Which.
    pub step: StepName,
    /// How long it took, or has taken so far.
    pub duration_ms: u64,
    /// How it ended; none while it is done.
    pub result: Option<StepResult>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// Well.
    Succeeded(StepDetail),
    /// Not well.
    Failed(StepFailure),
}

/// One service now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its name.
    pub name: String,
    /// Its port, when it has one.
    pub port: Option<u16>,
    /// How it is.
    pub phase: ServicePhase,
    /// Restarts since the plan was applied.
    pub restarts: u32,
    /// Inside the workspace's own process numbers; none when it does not run.
    pub process_id: Option<u32>,
}

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum ServicePhase {
    /// Waits for the services it depends on.
    Waiting,
    /// Runs, not yet healthy.
    Starting,
    /// Runs and answers.
    Healthy,
    /// Runs and does not answer.
    Unhealthy {
        /// What the last probe said.
        cause: String,
    },
    /// Ended by itself and is started again soon.
    Restarting,
    /// Ended with 0 by itself.
    Completed,
    /// Ended by itself and is not started again, or was never started because a dependency failed.
    Failed {
        /// Why.
        cause: String,
    },
    /// Stopped on request.
    Stopped,
}

/// One terminal session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// Its id.
    pub id: SessionId,
    /// The command it runs.
    pub argv: Vec<String>,
    /// Start, in milliseconds since 1970-01-01 UTC.
    pub started_ms: u64,
    /// Viewers attached now.
    pub viewers: u32,
    /// Its size now.
    pub size: TerminalSize,
    /// Oldest byte kept.
    pub first_offset: u64,
    /// One past the newest byte.
    pub end_offset: u64,
    /// How it ended; none while it lives.
    pub outcome: Option<ExitOutcome>,
    /// Whether what it shows is being recorded.
    #[serde(default)]
    pub recording: bool,
}

/// Who can be at work in a workspace, as far as init can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivitySource {
    /// Bytes on an SSH connection.
    Ssh,
    /// Bytes to or from a watched terminal session.
    Terminal,
    /// Bytes through a dialled port.
    Preview,
    /// An execution began or ended, or a process that a person started still uses the processor.
    Process,
}

impl ActivitySource {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Ssh, Self::Terminal, Self::Preview, Self::Process];
}

impl fmt::Display for ActivitySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ssh => "ssh",
            Self::Terminal => "terminal",
            Self::Preview => "preview",
            Self::Process => "process",
        })
    }
}

/// Last activity by source; a source that was never active is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// Sources with the time they were last active.
    pub sources: Vec<SourceActivity>,
}

/// When one source was last active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceActivity {
    /// Who.
    pub source: ActivitySource,
    /// In milliseconds since 1970-01-01 UTC.
    pub last_ms: u64,
    /// Bytes or events since init started.
    pub count: u64,
}

impl Activity {
    /// The newest activity of all, in milliseconds since 1970-01-01 UTC.
    pub fn last_ms(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.last_ms).max()
    }
}
