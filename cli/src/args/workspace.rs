//! `nexus up` and `nexus workspace …`.

use clap::{Args, Subcommand};

use super::hold::{Hold, Release};
use super::ssh::Ssh;
use super::terminal::Terminal;
use super::{Change, Waiting};

/// Workspaces: create, start, enter, stop, delete.
#[derive(Debug, Subcommand)]
pub(crate) enum Workspace {
    /// Make one and wait until it is ready
    Create(Create),
    /// Bring a stopped one up again
    Start(Act),
    /// Bring one down and keep its files
    Stop(Act),
    /// Remove one with its files
    #[command(visible_alias = "rm")]
    Delete(Delete),
    /// List them
    #[command(visible_alias = "ls")]
    List(List),
    /// Show one: state, shell, services, what keeps it up, and the waterfall of its last operation
    #[command(visible_alias = "show")]
    Status(Which),
    /// List the services of one, with their addresses
    Services(Which),
    /// Run a command inside one; its output and exit code are passed on
    Exec(Exec),
    /// Open a shell in one with the OpenSSH client of this machine
    Ssh(Ssh),
    /// Open a terminal in one that outlives the connection
    Terminal(Terminal),
    /// Keep one from being stopped when idle
    Hold(Hold),
    /// Take such a hold away
    Release(Release),
    /// Print what its steps and services have said
    Logs(Logs),
    /// Make one the active workspace, so its name can be left out
    Use(Use),
}

/// Which workspace.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Which {
    /// Its name or id; without it NEXUS_WORKSPACE, else the active workspace
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// What a workspace is to be.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Shape {
    /// What is cloned into it: URL, ORG/NAME[@BRANCH] on GitHub, or a folder of this machine
    #[arg(long, visible_alias = "clone", value_name = "REPO")]
    pub(crate) repo: Option<String>,
    /// The branch; without it the repository's default
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,
    /// What makes its machine: process, docker, lxd, qemu, fly or morph
    #[arg(long, env = "NEXUS_PROVIDER", value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// What the machine starts from; without it the base image
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// A variable for its services and shells; nothing secret, the log keeps it
    #[arg(long = "env", value_name = "KEY=VALUE")]
    pub(crate) environment: Vec<String>,
    /// Cores
    #[arg(long, value_name = "NUMBER")]
    pub(crate) cpus: Option<f64>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    pub(crate) memory: Option<u32>,
    /// Stop it after so long without activity, or `never`
    #[arg(long, value_name = "TIME")]
    pub(crate) idle: Option<String>,
}

/// What to make.
#[derive(Debug, Clone, Args)]
pub(crate) struct Create {
    /// A name; or a repository, which then also gives the name
    #[arg(value_name = "NAME|REPO")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What to bring up.
#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    /// A name; without it that of the repository, else `main`
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// Which one to start or stop.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Act {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Which one to remove; never the active one by default.
#[derive(Debug, Clone, Args)]
pub(crate) struct Delete {
    /// Its name or id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Do not ask whether that is meant
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Which ones to list.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct List {
    /// Only those of this user (id or login)
    #[arg(long, value_name = "USER")]
    pub(crate) owner: Option<String>,
    /// Only those in this phase (`running`, `stopped`, `failed`, `deleted`, …)
    #[arg(long, value_name = "PHASE")]
    pub(crate) phase: Option<String>,
    /// Only those of this provider
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
}

/// What to run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Pass standard input on, read to its end first
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// A variable for the command
    #[arg(long = "env", value_name = "KEY=VALUE")]
    pub(crate) environment: Vec<String>,
    /// The directory; without it where the repository is
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
    /// The program and its arguments, as they are: no shell reads them
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Which output.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Go on printing as more comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<u64>,
    /// Begin after this place in the log of outputs
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<u64>,
    /// Only of this operation
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
    /// Only of this step (`clone`, `install`, `service-web`, …)
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
}

/// Which one to make active.
#[derive(Debug, Clone, Args)]
pub(crate) struct Use {
    /// Its name or id; without it the active one is shown
    #[arg(value_name = "NAME", conflicts_with = "clear")]
    pub(crate) name: Option<String>,
    /// Have no active workspace
    #[arg(long)]
    pub(crate) clear: bool,
}
