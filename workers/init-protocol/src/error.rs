//! Why a worker could not get an answer.

use crate::answer::Failure;
use crate::frame::FrameError;

/// What went wrong on the worker's side of a request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers there: init is not up yet, or gone.
    #[error("connecting to nexus-init at {place}")]
    Connect {
        /// The socket, or how else init is reached.
        place: String,
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
    /// An init of an earlier version does not know the request.
    #[error("the nexus-init of this workspace is too old for {attempted}; restart the workspace")]
    TooOld {
        /// What was wanted.
        attempted: &'static str,
        /// The version spoken.
        version: u32,
    },
    /// Descriptors pass over a unix socket only, and this init is reached another way.
    #[error("{attempted} needs a unix socket to nexus-init")]
    NotShared {
        /// What was wanted.
        attempted: &'static str,
    },
    /// A descriptor did not change hands.
    #[error("passing a descriptor while {attempted}")]
    Descriptor {
        /// What was under way.
        attempted: &'static str,
        /// What the system said.
        source: std::io::Error,
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
