//! The read models: what queries read and commands decide on, folded from the log into SQLite.
//!
//! ```text
//!  tail (from checkpoint + 1) ─► runner: decode, park ─► writer thread: fold ─► commit ─► hub
//!                                                          │
//!              one transaction: rows of every read model + checkpoint
//! ```
//!
//! *Derived*: deleting the file and restarting gives the same rows, and two rebuilds have equal
//! digests. *Never guessed*: a log that is another one, or shorter than what was projected, stops
//! the server with an alarm. *Never stuck*: a message that cannot be read is parked where a person
//! sees it, and projecting goes on.
//!
//! One file per read model ([`workspaces`], [`users`], [`nodes`], [`operations`], [`claims`],
//! [`timeline`]); [`model`] hands an event to each, [`writer`] owns the one writing connection,
//! [`database`] the reading ones, [`rebuild`] makes the file anew beside the live one, [`verify`]
//! compares the two.

mod beside;
mod cache;
pub(crate) mod checkpoint;
mod claims;
mod columns;
mod compare;
pub mod database;
pub mod digest;
mod model;
mod nodes;
pub(crate) mod operations;
pub mod rebuild;
pub mod runner;
mod schema;
pub(crate) mod timeline;
mod users;
pub mod verify;
mod workspaces;
mod write_ahead;
pub(crate) mod writer;

pub(crate) use model::{Decoded, SubjectEvent};

use jiff::Timestamp;

/// An aggregate as projected.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<A> {
    /// The state.
    pub state: A,
    /// The sequence of its last event: its version.
    pub sequence: u64,
    /// When that event was decided.
    pub updated_at: Timestamp,
}

impl<A: Default> Default for Record<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            sequence: 0,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// Why the read model cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// SQLite refused.
    #[error("{attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file could not be made, moved or removed.
    #[error("{attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On which file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A row does not hold what this program writes.
    #[error("a row of {table} cannot be read")]
    Row {
        /// Of which table.
        table: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The log is not the one that was projected: an alarm, never accepted.
    #[error("the log is not the one this read model was made from: {how}")]
    OtherLog {
        /// How that shows.
        how: String,
    },
    /// The log could not be asked.
    #[error("asking the log")]
    Log(#[from] nexus_nats::ReadError),
    /// The log could not be followed.
    #[error("following the log")]
    Tail(#[from] nexus_nats::TailError),
    /// There is no other read model to compare with or to switch to.
    #[error("no read model follows beside the one that answers")]
    NothingBeside,
    /// A comparison is under way, which needs both to stay as they are.
    #[error("the read models are being compared; nothing is exchanged meanwhile")]
    LookedAt,
    /// The writer has ended.
    #[error("the read model is closed")]
    Closed,
}

impl ProjectionError {
    pub(crate) fn database(attempt: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { attempt, source }
    }
}

impl From<rusqlite::Error> for ProjectionError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database {
            attempt: "using the read model",
            source,
        }
    }
}

pub(crate) use claims::load as claim;
pub(crate) use columns::{micros, parsed, time};
pub(crate) use nodes::load as node;
pub(crate) use users::{load as user, word as scope_word};
pub(crate) use workspaces::load as workspace;

/// How far something else than the read models has come.
pub(crate) fn load_checkpoint(
    database: &database::Database,
    name: &str,
) -> Result<Option<checkpoint::Checkpoint>, ProjectionError> {
    database.read(|connection| checkpoint::load(connection, name))
}
