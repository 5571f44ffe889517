//! `nexus operation …`.

use clap::{Args, Subcommand};

use super::Waiting;

/// Requests under way and ended.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// List them, the newest first
    #[command(visible_alias = "ls")]
    List(List),
    /// Follow one to its end; exits as it ended
    Wait(Wait),
}

/// Which operations.
#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    /// Only of this workspace (name or id)
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// Only in this state: in_flight, succeeded, failed or superseded
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
}

/// Which operation.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wait {
    /// Its id, `op-…`
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
