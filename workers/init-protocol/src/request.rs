//! What a worker asks of init, and what it may add while a request is under way.

use serde::{Deserialize, Serialize};

use crate::access::{Access, Credentials};
use crate::exec::{ExecSpec, Signal};
use crate::file::FileWrite;
use crate::id::SessionId;
use crate::plan::SetupPlan;
use crate::terminal::{TerminalSize, TerminalSpec};

/// One request; it is the only one of its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", content = "with", rename_all = "kebab-case")]
pub enum Request {
    /// Answered by `Status`.
    Status,
    /// Answered by `Applied` as soon as the plan is taken; progress comes as reports.
    Apply(Box<SetupPlan>),
    /// Answered by one `Report` after the other.
    Reports {
        /// Number of the last report the worker has stored; 0 for all. Reports up to it may be
        /// forgotten by init.
        after: u64,
        /// Go on with new ones instead of ending with `Done` at the newest.
        follow: bool,
    },
    /// Answered by `ExecStarted`, output, `ExecEnded`.
    Exec(ExecSpec),
    /// Answered by `TerminalAttached`, output, `TerminalEnded`.
    Terminal(TerminalSpec),
    /// Ends a terminal session with HUP, then KILL; answered by `Done`.
    CloseTerminal {
        /// Which.
        session: SessionId,
    },
    /// Answered by `Connected`; from there on the connection is the stream.
    Dial(DialTarget),
    /// Answered by `Connected`; from there on the connection is an SSH transport, init the server.
    Ssh,
    /// One byte with a connected socket beside it follows ([`crate::descriptor`]). Answered by `Done`
    /// once init holds the socket and serves it; this connection then ends.
    HandOver(HandOver),
    /// Answered by `Connected`, then one byte with the connected socket beside it.
    DialSocket(DialTarget),
    /// Who may log in. Answered by `Done`, also when a newer document is in force already.
    SetAccess(Box<Access>),
    /// What new processes get. Answered by `Done`, also when newer ones are in force already.
    SetCredentials(Box<Credentials>),
    /// Answered by `File`, output, `Done`.
    ReadFile {
        /// Absolute, or relative to the workspace directory.
        path: String,
    },
    /// Content follows as input up to `EndOfInput`; then answered by `Done`. The old or the new
    /// content is there at any moment, never a part.
    WriteFile(FileWrite),
    /// Answered by `Done`, also when there is nothing to remove.
    RemoveFile {
        /// Absolute, or relative to the workspace directory.
        path: String,
        /// A directory with all in it.
        recursive: bool,
    },
    /// Answered by `Directory`.
    ListDirectory {
        /// Absolute, or relative to the workspace directory.
        path: String,
    },
    /// Answered by `Activity`.
    Activity,
    /// TERM to services and sessions, after the grace KILL, then init exits with 0. Answered by
    /// `Done` when all but init itself is down.
    Stop {
        /// From TERM to KILL, in milliseconds.
        grace_ms: u64,
    },
}

/// Where a dialled connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialTarget {
    /// A port on the workspace's loopback, IPv4 first.
    Port(u16),
    /// A unix socket.
    Unix(String),
}

/// What a connection that was accepted outside and handed over is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandOver {
    /// An SSH client; init is the server.
    Ssh,
    /// A client of a port on the workspace's loopback.
    Port(u16),
}

/// What a worker may say after its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", content = "with", rename_all = "kebab-case")]
pub enum Input {
    /// No more input bytes.
    EndOfInput,
    /// To the process group of an execution, the foreground group of a terminal.
    Signal(Signal),
    /// The viewer's window has another size.
    Resize(TerminalSize),
    /// The viewer has taken every byte before this offset. A viewer that has said so once gets at most
    /// [`crate::terminal::CREDIT_BYTES`] past the last offset it named.
    Taken {
        /// One past the last byte taken.
        offset: u64,
    },
}
