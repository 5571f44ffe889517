//! `nexus events …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The log of everything that happened.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Print events as they happen, from any point of the past on
    Tail(Tail),
    /// Show a workspace as it was after one of its events
    State(State),
}

/// Which workspace, and when.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: nexus events state hello --at 1200")]
pub(crate) struct State {
    /// Its name or id
    #[arg(value_name = "NAME")]
    pub(crate) workspace: String,
    /// After which event of the log
    #[arg(long, value_name = "SEQ")]
    pub(crate) at: u64,
}

/// Which events, and from where on.
#[derive(Debug, Clone, Args)]
pub(crate) struct Tail {
    /// Only of this workspace (name or id)
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// Only of this type; `*` stands for any text (`workspace.*`, `*.ready`)
    #[arg(long = "type", value_name = "GLOB")]
    pub(crate) event_type: Option<String>,
    /// Only of this kind: workspace, user, node or claim
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Begin after this sequence; 0 is the beginning of the log. Without it: now
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<u64>,
    /// Begin where this file says, and keep it up to date: started again, nothing is missed and
    /// nothing comes twice. Where there is no such file yet, --since or the beginning counts
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
    /// End once everything there is has been printed, instead of waiting for more
    #[arg(long)]
    pub(crate) no_follow: bool,
}
