//! `nexus projection …`.

use clap::Subcommand;

use super::Change;

/// The read models that answers come from.
#[derive(Debug, Subcommand)]
pub(crate) enum Projection {
    /// List them, and how far each has come
    #[command(visible_alias = "ls")]
    List,
    /// Make all of them anew from the log; the old ones answer until the new ones are ready
    Rebuild(Change),
}
