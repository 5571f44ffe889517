//! `nexus workspace terminal`.

use clap::Args;

use super::workspace::Which;

/// Which terminal.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Examples:
  nexus workspace terminal hello                  a terminal; Ctrl-] d leaves it
  nexus workspace terminal hello --session new    one that goes on when you leave
  nexus workspace terminal hello --list           those that go on
  nexus workspace terminal hello --session ID     back to one, where you were

Inside, Ctrl-] and then: d leaves, l shows the latency, r draws anew, Ctrl-] sends it.")]
pub(crate) struct Terminal {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The session to attach to, or `new`; without it one that ends soon after you leave
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only look
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Have the workspace record the session (asciicast v2)
    #[arg(long, conflicts_with = "read_only")]
    pub(crate) record: bool,
    /// List the sessions
    #[arg(long, conflicts_with_all = ["session", "read_only", "record", "close"])]
    pub(crate) list: bool,
    /// End this session
    #[arg(long, value_name = "ID", conflicts_with_all = ["session", "read_only", "record"])]
    pub(crate) close: Option<String>,
}
