//! Why a worker could not get an answer.

use std::path::PathBuf;

use crate::answer::Failure;
use crate::frame::FrameError;

/// What went wrong on the worker's side of a request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers at the socket: init is not up yet, or gone.
    #[error("connecting to nexus-init at {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Init answered nothing in time.
    #[error("nexus-init did not answer within {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// No protocol version both sides speak.
    #[error("nexus-init speaks protocol versions {lowest} to {highest}, this worker does not")]
    Version {
        /// Oldest version of init.
        lowest: u32,
        /// Newest version of init.
        highest: u32,
    },
    /// The connection broke.
    #[error("talking to nexus-init")]
    Frame(#[from] FrameError),
    /// A message that is no JSON of ours.
    #[error("reading a message of nexus-init")]
    Message(#[from] serde_json::Error),
    /// Init ended the connection before its last answer.
    #[error("nexus-init ended the connection while {attempted}")]
    Ended {
        /// What was under way.
        attempted: &'static str,
    },
    /// An answer that does not belong to the request.
    #[error("nexus-init answered {got} while {attempted}")]
    Unexpected {
        /// What was under way.
        attempted: &'static str,
        /// Name of the answer.
        got: &'static str,
    },
    /// Init could not do it and says why.
    #[error("nexus-init failed while {attempted}")]
    Refused {
        /// What was under way.
        attempted: &'static str,
        /// The reason.
        #[source]
        failure: Failure,
    },
}

impl ClientError {
    /// The reason init gave, when it gave one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused { failure, .. } => Some(failure),
            _ => None,
        }
    }
}
