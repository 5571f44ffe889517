//! `nexus parked …`.

use clap::{Args, Subcommand};

use super::Change;

/// Messages nobody could work on.
#[derive(Debug, Subcommand)]
pub(crate) enum Parked {
    /// List them, oldest first
    #[command(visible_alias = "ls")]
    List,
    /// Show one with what it carries
    Show(Which),
    /// Put a command back into the queue
    Retry(Act),
    /// Forget one for good
    Discard(Act),
}

/// Which one.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Which {
    /// Its number: see the list
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

/// What to do about which.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Act {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) change: Change,
}
