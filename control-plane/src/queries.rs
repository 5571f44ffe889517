//! What can be asked, answered from the read model, with the owner check in every answer.
//!
//! Reads are synchronous: point lookups and bounded lists of a local file take tens of
//! microseconds, less than handing them to another thread. Only waiting is asynchronous.
//! What belongs to somebody else is not found, in the same words as what does not exist.

mod claims;
mod credentials;
mod events;
mod health;
mod history;
mod identify;
mod key_claims;
mod nodes;
mod operations;
mod parked;
mod placement;
mod post_start;
mod projections;
mod reference;
mod remembered;
mod sets;
mod status;
mod users;
mod views;
mod wait;
mod workspaces;

pub(crate) use claims::claimed_ports;
pub(crate) use credentials::{POST_START, credential_field, credentials_view};
pub use events::EventQuery;
pub use health::Freshness;
pub(crate) use identify::{TOKEN_PREFIX, token_digest};
pub(crate) use nodes::all as all_nodes;
pub use operations::OperationQuery;
pub use parked::ParkedView;
pub(crate) use placement::online_providers;
pub use reference::{UserRef, WorkspaceRef};
pub(crate) use remembered::Remembered;
pub(crate) use users::user_ids;
pub use workspaces::WorkspaceQuery;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use nexus_events::problem::{FieldError, Problem, ProblemCode};
use tokio::sync::watch;

use crate::backbone::Backbone;
use crate::directory::Directory;
use crate::identity::Identity;
use crate::projections::ProjectionError;
use crate::projections::database::Database;
use crate::pulse::Pulse;
use crate::sealing::SealingError;
use crate::settings::Settings;
use crate::vault::Vault;

/// The most items a page has, and how many it has unless told.
pub(crate) const PAGE: (usize, usize) = (500, 100);

/// What the same callers ask again and again.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Whose token it is, by its digest, and when it ends in microseconds.
    bearers: Remembered<identify::Digest, Option<(Identity, Option<i64>)>>,
}

/// Answers questions. Clones share everything.
#[derive(Debug, Clone)]
pub struct Queries {
    pub(crate) database: Database,
    pub(crate) directory: Directory,
    pub(crate) pulse: Pulse,
    pub(crate) settings: Arc<Settings>,
    pub(crate) backbone: Backbone,
    pub(crate) vault: Vault,
    /// The newest event projected.
    pub(crate) sequence: watch::Receiver<u64>,
    /// The newest event this server appended.
    pub(crate) written: Arc<AtomicU64>,
    /// What was asked since the newest event.
    pub(crate) remembered: Arc<Recent>,
}

impl Queries {
    /// Who is who, as far as they are readable.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The heartbeats of nodes.
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such thing, or it is somebody else's.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        name: String,
    },
    /// Only administrators may ask this.
    #[error("only administrators may see this")]
    Forbidden,
    /// Several things go by that name.
    #[error("several users have a workspace called {name}")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// A part of the question is not of the right form.
    #[error("{field}: {cause}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The event waited for was not projected in time.
    #[error("event {wanted} is not visible yet; {reached} is")]
    NotYetVisible {
        /// The event waited for.
        wanted: u64,
        /// How far the read model is.
        reached: u64,
    },
    /// The read model failed.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// A user's values cannot be had.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The log could not be asked.
    #[error("asking the log")]
    Log(#[from] nexus_nats::ReadError),
    /// The bus failed.
    #[error("asking for what is parked")]
    Parked(#[from] nexus_nats::parked::ParkedError),
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Projection(error.into())
    }
}

impl QueryError {
    pub(crate) fn not_found(what: &'static str, name: impl std::fmt::Display) -> Self {
        let name = name.to_string();
        Self::NotFound { what, name }
    }

    pub(crate) fn invalid(field: &'static str, cause: impl std::fmt::Display) -> Self {
        let cause = cause.to_string();
        Self::Invalid { field, cause }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::NotFound { what, .. } => Self::new(
                ProblemCode::NotFound,
                text,
                format!("see what is there: {}", listing(what)),
            ),
            QueryError::Forbidden => Self::new(
                ProblemCode::Forbidden,
                text,
                "ask an administrator, or use the local socket on the server's machine",
            ),
            QueryError::Ambiguous { .. } => Self::new(
                ProblemCode::Conflict,
                text,
                "name it by its id: nexus workspace list",
            ),
            QueryError::Invalid { field, cause } => Self::new(
                ProblemCode::ValidationError,
                text,
                "correct the field and try again",
            )
            .with_errors(vec![FieldError {
                field: field.into(),
                cause,
            }]),
            QueryError::NotYetVisible { .. } => {
                Self::new(ProblemCode::NotYetVisible, text, "ask again in a moment")
            }
            QueryError::Projection(error) => {
                log_once(&error);
                Self::new(
                    ProblemCode::InternalError,
                    "the read model could not be read",
                    "see the log of the server: nexus daemon status",
                )
            }
            QueryError::Sealing(error) => {
                log_once(&error);
                Self::new(
                    ProblemCode::LogUnavailable,
                    "what is kept for the user cannot be reached",
                    "see how the server fares: nexus daemon status",
                )
            }
            QueryError::Parked(error) => unanswered(&error),
            QueryError::Log(error) => unanswered(&error),
        }
    }
}

fn unanswered(error: &(dyn std::error::Error + 'static)) -> Problem {
    log_once(error);
    Problem::new(
        ProblemCode::LogUnavailable,
        "the log did not answer",
        "see how the server fares: nexus daemon status",
    )
}

fn listing(what: &str) -> &'static str {
    match what {
        "workspace" => "nexus workspace list",
        "node" => "nexus node list",
        "operation" => "nexus operation list",
        _ => "nexus doctor",
    }
}

/// Inside detail is for the server's log; outside sees a plain sentence.
pub(crate) fn log_once(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a request failed");
}
