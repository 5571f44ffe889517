//! `nexus ssh …`, `nexus workspace ssh …` and `nexus ssh-config`.

use clap::{Args, ValueEnum};

use super::workspace::Which;

const EXAMPLES: &str = "\
Examples:
  nexus ssh hello                        a shell
  nexus ssh hello -c 'make test'         one command line; its exit code is passed on
  nexus ssh hello -A -L 8080:localhost:80
  ssh -o ProxyCommand='nexus ssh --stdio %h' dev@hello.nexus
  nexus ssh-config && ssh hello.nexus    the same for every SSH program";

/// How to enter.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ssh {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Let the workspace use your SSH agent
    #[arg(short = 'A', long)]
    pub(crate) forward_agent: bool,
    /// Forward a port of this machine, as ssh's -L
    #[arg(short = 'L', value_name = "SPEC")]
    pub(crate) local_forward: Vec<String>,
    /// Forward a port of the workspace, as ssh's -R
    #[arg(short = 'R', value_name = "SPEC")]
    pub(crate) remote_forward: Vec<String>,
    /// A SOCKS proxy through the workspace, as ssh's -D
    #[arg(short = 'D', value_name = "SPEC")]
    pub(crate) dynamic_forward: Vec<String>,
    /// Go through this host to the workspace's port, as ssh's -J
    #[arg(short = 'J', value_name = "HOST", conflicts_with = "via")]
    pub(crate) jump: Option<String>,
    /// Run no command, only forward, as ssh's -N
    #[arg(short = 'N')]
    pub(crate) no_command: bool,
    /// Give the command a terminal, as ssh's -t
    #[arg(short = 't')]
    pub(crate) terminal: bool,
    /// Which way in: its own port, a stream through the server, or the server's jump host.
    /// Without it the port, where there is one
    #[arg(long, value_enum, value_name = "WAY")]
    pub(crate) via: Option<Via>,
    /// A command line for the shell inside
    #[arg(
        short = 'c',
        long = "command",
        value_name = "COMMAND",
        conflicts_with = "command"
    )]
    pub(crate) line: Option<String>,
    /// Print the ssh command instead of running it
    #[arg(long)]
    pub(crate) print: bool,
    /// Join standard input and output with the workspace's SSH, as a ProxyCommand; a stopped
    /// workspace is started first
    #[arg(long, conflicts_with_all = ["via", "print", "line", "command", "certificate"])]
    pub(crate) stdio: bool,
    /// Give ssh the socket that leads to the workspace's SSH and be done, as a ProxyCommand with
    /// ProxyUseFdpass; for a program that knows nothing of it, the same as --stdio
    #[arg(
        long,
        conflicts_with_all = ["via", "print", "line", "command", "certificate", "stdio"]
    )]
    pub(crate) fdpass: bool,
    /// Only get or renew the certificate that lets the key of `nexus ssh-config` in
    #[arg(long, conflicts_with_all = ["via", "print", "line", "command"])]
    pub(crate) certificate: bool,
    /// A command line for the shell inside; without it an interactive shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// The workspace's own port
    Port,
    /// A stream through the server
    Stdio,
    /// The server's jump host
    Jump,
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  nexus ssh-config --diff          what would change
  nexus ssh-config --yes           write it; then: ssh hello.nexus
  nexus ssh-config --remove --yes  undo it

It puts one Include line at the top of ~/.ssh/config and everything else into a file of its own.";

/// What to write for the stock SSH client.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = CONFIG_EXAMPLES)]
pub(crate) struct SshConfig {
    /// Say which files would change and how, and write nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Print the difference only, and write nothing
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub(crate) diff: bool,
    /// Take away what was written
    #[arg(long)]
    pub(crate) remove: bool,
    /// Do not ask whether that is meant
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Let connections to one workspace share one (ControlMaster)
    #[arg(long, conflicts_with = "remove")]
    pub(crate) multiplex: bool,
}
