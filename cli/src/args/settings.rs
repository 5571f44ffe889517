//! `nexus settings …` and `nexus dashboard`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::Change;

/// Where the dashboard is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Dashboard {
    /// Open it in a browser; neither the address nor the command holds a secret
    #[arg(long)]
    pub(crate) open: bool,
}

/// What every workspace of yours is given: credentials, scripts.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Of this user (id or login); without it, yours
    #[arg(long, global = true, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[command(subcommand)]
    pub(crate) which: Which,
}

/// Which settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Which {
    /// Secrets that shells and programs inside find as variables or files
    #[command(subcommand)]
    Credentials(Credentials),
    /// What is run inside after a start; without words it is shown
    Scripts(Scripts),
}

/// Secrets that shells and programs inside find as variables or files.
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Give one a value, which is never an argument
    Set(Set),
    /// List their names and when each was set; values are never told
    #[command(visible_alias = "ls")]
    List,
    /// Take some away
    Unset(Unset),
}

/// Which one, and where its value comes from.
#[derive(Debug, Clone, Args)]
#[command(
    group(ArgGroup::new("source").required(true).args(["from_stdin", "from_env", "from_file"])),
    after_help = "Examples:
  gh auth token | nexus settings credentials set GITHUB_TOKEN --from-stdin
  nexus settings credentials set NPM_TOKEN --from-env NPM_TOKEN
  nexus settings credentials set '~/.netrc' --from-file ~/.netrc"
)]
pub(crate) struct Set {
    /// A variable (`NPM_TOKEN`), or a file inside (`~/.netrc`, `/etc/x`)
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Read it from standard input; one line break at the end of a variable is dropped
    #[arg(long)]
    pub(crate) from_stdin: bool,
    /// Read it from this variable of the environment here
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) from_env: Option<String>,
    /// Read it from this file here
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
}

/// Which ones.
#[derive(Debug, Clone, Args)]
pub(crate) struct Unset {
    /// Variables and files, as listed
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What is run inside after a start.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus settings scripts
  nexus settings scripts --post-start -- ./dev.sh --quick
  nexus settings scripts --clear")]
pub(crate) struct Scripts {
    /// Set what is run after every start
    #[arg(long, requires = "command")]
    pub(crate) post_start: bool,
    /// Run nothing any more
    #[arg(long, conflicts_with = "command")]
    pub(crate) clear: bool,
    /// The program and its arguments, as they are: no shell reads them
    #[arg(last = true, value_name = "COMMAND", requires = "post_start")]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}
