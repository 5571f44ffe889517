//! What can be typed: the command tree, and nothing of what it does.

pub(crate) mod audit;
pub(crate) mod daemon;
pub(crate) mod event;
pub(crate) mod hold;
pub(crate) mod operation;
pub(crate) mod parked;
pub(crate) mod port;
pub(crate) mod projection;
pub(crate) mod settings;
pub(crate) mod ssh;
pub(crate) mod terminal;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod workspace;
pub(crate) mod ws;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{duration, exit};

/// Development workspaces told by events.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    about = "Development workspaces told by events",
    after_help = "Start with `nexus up`. `nexus help exit-codes` lists the exit codes.",
    max_term_width = 100
)]
pub(crate) struct Nexus {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// How data is printed: table, json, yaml, name or ndjson
    #[arg(
        hide_possible_values = true,
        short,
        long,
        value_enum,
        global = true,
        default_value = "table",
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub(crate) output: Output,
    /// How progress is shown on standard error: auto, plain, json or none
    #[arg(
        hide_possible_values = true,
        long,
        value_enum,
        global = true,
        default_value = "auto",
        value_name = "FORM",
        help_heading = "Output"
    )]
    pub(crate) progress: ProgressForm,
    /// Print data and errors only
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// When to use colours: auto, always or never; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(
        hide_possible_values = true,
        long,
        value_enum,
        global = true,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub(crate) color: Color,
    /// Ask this server instead of the one on this machine's socket; its token comes from
    /// NEXUS_TOKEN or $NEXUS_HOME/token
    #[arg(
        long,
        env = "NEXUS_SERVER",
        global = true,
        value_name = "URL",
        help_heading = "Connection"
    )]
    pub(crate) server: Option<String>,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// One JSON document, as the API answers
    Json,
    /// The same as YAML
    Yaml,
    /// Names or ids only, one a line
    Name,
    /// One JSON document a line
    Ndjson,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressForm {
    /// Spinners on a terminal, lines elsewhere
    Auto,
    /// One line for each change
    Plain,
    /// One JSON document for each change
    Json,
    /// None
    None,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Even into a file
    Always,
    /// Not at all
    Never,
}

/// Options of commands that ask for a change.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Change {
    /// Print the request that would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Options of commands that wait for an operation.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Waiting {
    /// Print what was accepted, and do not wait for its end
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait at most; the operation goes on either way
    #[arg(long, default_value = "15m", value_parser = duration::parse, value_name = "TIME")]
    pub(crate) timeout: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            no_wait: false,
            timeout: Duration::from_secs(15 * 60),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// From nothing to a running workspace: daemon, user, key, workspace
    Up(workspace::Up),
    /// The server on this machine
    #[command(subcommand)]
    Daemon(daemon::Daemon),
    /// Workspaces: create, start, enter, stop, delete
    #[command(subcommand, visible_alias = "w")]
    Workspace(workspace::Workspace),
    /// Open a shell in a workspace, or be the way of the stock SSH client to it
    Ssh(ssh::Ssh),
    /// Make `ssh NAME.nexus`, scp, sftp, rsync and editors work
    SshConfig(ssh::SshConfig),
    /// Ports of workspaces: forward them here, look at them in a browser
    #[command(subcommand)]
    Port(port::Port),
    /// Say where the dashboard is and how to sign in
    Dashboard(settings::Dashboard),
    /// The log of everything that happened
    #[command(subcommand, visible_alias = "event")]
    Events(event::Events),
    /// Say who did it and because of what, from the log alone
    Why(audit::Why),
    /// Show how everything stood at a moment of the past
    Replay(audit::Replay),
    /// Say what keeps workspaces up, and why they were stopped
    #[command(subcommand)]
    Idle(audit::Idle),
    /// Say what another idle policy would have done
    WhatIf(audit::WhatIf),
    /// Say how long each step takes
    Slo(audit::Slo),
    /// The log as evidence: export it, verify it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// What happened around an event, in one file for others to look at
    #[command(subcommand)]
    Incident(audit::Incident),
    /// Write the whole log into a file
    Backup(audit::Backup),
    /// Messages nobody could work on
    #[command(subcommand)]
    Parked(parked::Parked),
    /// The read models that answers come from
    #[command(subcommand)]
    Projection(projection::Projection),
    /// What every workspace of yours is given: credentials, scripts
    Settings(settings::Settings),
    /// Workers and where they are
    #[command(subcommand)]
    Node(Node),
    /// Requests under way and ended
    #[command(subcommand)]
    Operation(operation::Operation),
    /// People
    #[command(subcommand)]
    User(user::User),
    /// Access tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Check this machine and say how to mend it
    Doctor,
    /// The version of this command and of the server
    Version,
    /// Print the completion script of a shell
    Completion {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them
    Man {
        /// Write one page for each command into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Simulate Nexus from a seed: the same code on a time of its own, with whatever goes wrong
    #[command(disable_help_flag = true)]
    Sim {
        /// What `nexus-sim` takes (`nexus sim --help` lists it)
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENT"
        )]
        arguments: Vec<OsString>,
    },
    /// What each exit code means
    #[command(name = "exit-codes", hide = true, long_about = exit::HELP, help_template = "{about}\n")]
    ExitCodes,
}

/// Workers and where they are.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List them
    #[command(visible_alias = "ls")]
    List,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_tree_is_consistent() {
        Nexus::command().debug_assert();
        ws::Ws::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&Nexus::command());
        visit(&ws::Ws::command());
    }
}
