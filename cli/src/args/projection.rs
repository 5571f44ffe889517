//! `nexus projection …`.

use clap::{Args, Subcommand};

use super::Change;

/// The read models that answers come from.
#[derive(Debug, Subcommand)]
pub(crate) enum Projection {
    /// List them, and how far each has come
    #[command(visible_alias = "ls")]
    List,
    /// Make all of them anew from the log; the old ones answer until the new ones are ready
    Rebuild(Change),
    /// Make all of them anew beside the old ones and compare the two, row by row
    Verify,
    /// Make all of them anew beside the old ones, compare, and switch; the old ones follow on
    Upgrade(Upgrade),
}

/// Which steps; without any: shadow, compare and, where they are equal, switch.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(after_help = "Examples:
  nexus projection upgrade                  all of it; the old ones follow, for the way back
  nexus projection upgrade --shadow --compare
  nexus projection upgrade --rollback       switch back; nothing written since is lost
  nexus projection upgrade --finish         forget the ones that follow")]
pub(crate) struct Upgrade {
    /// Make them anew beside the ones that answer; they follow from then on
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Compare both, row by row, as of the same event; exits with 1 where they differ
    #[arg(long)]
    pub(crate) compare: bool,
    /// Let the new ones answer; the old ones follow
    #[arg(long)]
    pub(crate) switch: bool,
    /// Switch back
    #[arg(long, conflicts_with_all = ["shadow", "compare", "switch"])]
    pub(crate) rollback: bool,
    /// Forget the ones that follow beside
    #[arg(long, conflicts_with_all = ["shadow", "compare", "switch", "rollback"])]
    pub(crate) finish: bool,
}
