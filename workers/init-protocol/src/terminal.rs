//! Terminal sessions: kept inside the workspace, watched by any number of viewers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::SessionId;

/// Bytes of output a session keeps for viewers that come or return.
pub const SCROLLBACK_BYTES: usize = 1 << 20;

/// Bytes a viewer that tells what it has taken gets beyond that.
pub const CREDIT_BYTES: u64 = 128 << 10;

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Default for TerminalSize {
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

/// Which session to attach to, and what to run when it has to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TerminalSpec {
    /// Attached to when it lives or has just ended, made under this id when there is none; a new id
    /// is chosen when absent.
    pub session: Option<SessionId>,
    /// Refuse to make a session: only attach.
    pub attach_only: bool,
    /// The user's login shell when empty.
    pub argv: Vec<String>,
    /// Added to the workspace's environment.
    pub env: BTreeMap<String, String>,
    /// Absolute, or relative to the workspace directory, which is the default.
    pub directory: Option<String>,
    /// The work user when absent.
    pub user: Option<String>,
    /// Size of the viewer's window.
    pub size: TerminalSize,
    /// First byte wanted; everything kept when absent.
    pub after: Option<u64>,
    /// Only watch: input, signals and sizes of this viewer are refused.
    pub read_only: bool,
    /// Also write what is shown to an asciicast v2 file in the workspace's state; only asked for, and
    /// only when the session is made.
    pub record: bool,
}
