//! What init answers.

use serde::{Deserialize, Serialize};

use crate::exec::ExitOutcome;
use crate::file::FileInfo;
use crate::id::SessionId;
use crate::report::Report;
use crate::status::{Activity, Status};

/// One control message from init; which ones may come is said at each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "with", rename_all = "kebab-case")]
pub enum Answer {
    /// The request could not be done; nothing follows.
    Failed(Failure),
    /// The request is done; nothing follows.
    Done,
    /// The state at this moment.
    Status(Box<Status>),
    /// The plan is taken.
    Applied {
        /// Whether this operation and epoch was known already.
        known: bool,
    },
    /// One entry of the journal.
    Report(Box<Report>),
    /// The command runs, or has run.
    ExecStarted {
        /// Inside the workspace's own process numbers; none when it has ended or could not start.
        process_id: Option<u32>,
        /// Whether an earlier request had claimed the id.
        attached: bool,
    },
    /// The command ended and all its output was sent.
    ExecEnded {
        /// How.
        outcome: ExitOutcome,
    },
    /// The viewer sees the session from here on.
    TerminalAttached {
        /// The session's id.
        session: SessionId,
        /// Whether it was made for this viewer.
        created: bool,
        /// Number of the first byte to come; later than asked for when that one is gone.
        from: u64,
        /// One past the newest byte at this moment.
        end: u64,
    },
    /// The session ended and all its output was sent.
    TerminalEnded {
        /// How.
        outcome: ExitOutcome,
    },
    /// The connection is the byte stream from here on.
    Connected,
    /// The content follows.
    File(FileInfo),
    /// Names in order.
    Directory(Vec<FileInfo>),
    /// Last activity by source.
    Activity(Activity),
}

impl Answer {
    /// The answer's name, for messages about an answer that was not expected.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Done => "done",
            Self::Status(_) => "status",
            Self::Applied { .. } => "applied",
            Self::Report(_) => "report",
            Self::ExecStarted { .. } => "exec-started",
            Self::ExecEnded { .. } => "exec-ended",
            Self::TerminalAttached { .. } => "terminal-attached",
            Self::TerminalEnded { .. } => "terminal-ended",
            Self::Connected => "connected",
            Self::File(_) => "file",
            Self::Directory(_) => "directory",
            Self::Activity(_) => "activity",
        }
    }
}

/// Why a request could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure, for code.
    pub code: FailureCode,
    /// One sentence, for people.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The request makes no sense; the same again cannot help.
    Invalid,
    /// The file, session, user or socket does not exist.
    NotFound,
    /// Nothing listens there, yet.
    ConnectionRefused,
    /// The work user may not do this.
    Denied,
    /// The plan's epoch is older than the one in force.
    Stale,
    /// More than the limits allow.
    TooLarge,
    /// No plan has been applied yet and the request needs one, or init is stopping.
    NotReady,
    /// A bug or an exhausted machine.
    Internal,
}
