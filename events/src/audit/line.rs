//! A log as a file: a head, a line for each message, what was refused, and an end.
//!
//! ```text
//! {"log":{"format":1,"last":3,…}}
//! {"event":{"sequence":1,"subject":"nexus.evt.node.node-…","message":{…},"hashes":{…}}}
//! …
//! {"end":{"events":3,"head":"…"}}
//! ```
//!
//! The same form serves audit, backup and incident, so every question can be asked of each of
//! them. A file without its end was cut.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Record;
use crate::id::UserId;
use crate::work::Bytes;

/// The one form there is so far.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first: which log this is, and which part of it.
    Log(Head),
    /// A message.
    Event(Record),
    /// A request that was refused.
    Refused(crate::refusal::Refused),
    /// What is kept of a user beside the log, encrypted: only a backup has it.
    Kept(Kept),
    /// The last.
    End(End),
}

/// What is kept of a user beside the log: the key their personal fields are sealed with, wrapped
/// under a key that is in no backup, or a value sealed under that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Whose it is.
    pub user: UserId,
    /// What the value is kept under; `None`: the user's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// It.
    pub value: Bytes,
}

/// Which log this is, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The form of the file.
    pub format: u32,
    /// The version of the server that wrote it.
    pub version: String,
    /// When the log was made: another time is another log.
    pub created: Timestamp,
    /// The sequence after which the file begins.
    pub after: u64,
    /// The sequence up to which it goes.
    pub last: u64,
    /// Whether messages in between are left out: they are not for whoever asked, or not about
    /// what was asked.
    pub partial: bool,
    /// Whether what is personal was taken out of it.
    #[serde(default)]
    pub redacted: bool,
    /// The host people reach workspaces under, for addresses.
    pub host: String,
}

/// How many lines there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Messages.
    pub events: u64,
    /// Refusals.
    #[serde(default)]
    pub refusals: u64,
    /// What is kept of users, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// The last link of the stream's chain, where it was computed: who knows it knows the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}
