//! Running one command: what to run and how it ended.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ExecId;

/// One command to run, as argv.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecSpec {
    /// With an id the execution is claimed: it runs once, goes on when the connection is lost, and
    /// a later request with the same id attaches to it or gets its result. Without one it ends with
    /// its connection.
    #[serde(default)]
    pub id: Option<ExecId>,
    /// Program and arguments; the program is looked up in `PATH`.
    pub argv: Vec<String>,
    /// Added to the workspace's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Absolute, or relative to the workspace directory, which is the default.
    #[serde(default)]
    pub directory: Option<String>,
    /// The work user when absent.
    #[serde(default)]
    pub user: Option<String>,
    /// Killed after this time in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Bytes of each output stream the client has already; only for a claimed execution.
    #[serde(default)]
    pub after: ExecOffsets,
}

impl ExecSpec {
    /// A command with the defaults of every other field.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            id: None,
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            directory: None,
            user: None,
            timeout_ms: None,
            after: ExecOffsets::default(),
        }
    }

    /// The same, claimed by `id`.
    pub fn claimed(mut self, id: ExecId) -> Self {
        self.id = Some(id);
        self
    }
}

/// A position in both output streams, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecOffsets {
    /// Of standard output.
    pub stdout: u64,
    /// Of standard error.
    pub stderr: u64,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ExitOutcome {
    /// It exited by itself.
    Exited {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// Number of the signal.
        signal: i32,
    },
    /// It was killed because its time was over.
    TimedOut,
    /// It could not be started.
    NotStarted {
        /// 127 when the program was not found, 126 otherwise, as shells have it.
        code: i32,
        /// Why.
        cause: String,
    },
    /// Init was restarted while it ran: nobody knows how it ended.
    Lost,
}

impl ExitOutcome {
    /// Whether it exited with 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }

    /// The code a shell would show: the exit code, or 128 plus the signal, 124 for a time-out.
    pub fn shell_code(&self) -> i32 {
        match self {
            Self::Exited { code } | Self::NotStarted { code, .. } => *code,
            Self::Signalled { signal } => 128 + signal,
            Self::TimedOut => 124,
            Self::Lost => 255,
        }
    }
}

impl fmt::Display for ExitOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(formatter, "exit code {code}"),
            Self::Signalled { signal } => write!(formatter, "signal {signal}"),
            Self::TimedOut => formatter.write_str("killed at its time limit"),
            Self::NotStarted { cause, .. } => write!(formatter, "not started: {cause}"),
            Self::Lost => formatter.write_str("lost by a restart"),
        }
    }
}

/// Signals a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Hang-up.
    Hup,
    /// Interrupt, Ctrl-C.
    Int,
    /// Quit, Ctrl-\.
    Quit,
    /// User-defined 1.
    Usr1,
    /// User-defined 2.
    Usr2,
    /// Termination.
    Term,
    /// Kill.
    Kill,
}
