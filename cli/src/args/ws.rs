//! `ws`: the same program under its second name, with fewer words to type.

use clap::{Parser, Subcommand};

use super::ssh::Ssh;
use super::workspace::{Act, Create, Delete, List, Logs, Shape, Which, Workspace};
use super::{Change, Command, Global, Waiting};

/// Workspaces, in few words. `nexus` is the same program with everything else.
#[derive(Debug, Parser)]
#[command(
    name = "ws",
    version,
    about = "Workspaces, in few words; `nexus` is the same program with everything else",
    max_term_width = 100
)]
pub(crate) struct Ws {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a workspace; make it first when there is none
    Start {
        /// Its name
        name: String,
        #[command(flatten)]
        shape: Shape,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Stop a workspace and keep its files
    Stop {
        /// Its name or id
        name: String,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// List workspaces
    List,
    /// Remove a workspace with its files
    Delete {
        /// Its name or id
        name: String,
        /// Do not ask whether that is meant
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Open a shell in a workspace, or run one command line in it
    Shell {
        /// Its name or id
        name: String,
        /// A command line for the shell inside
        #[arg(short, long, value_name = "COMMAND")]
        command: Option<String>,
    },
    /// Print what a workspace's steps and services have said
    Logs {
        /// Its name or id
        name: String,
        /// Only the last lines
        #[arg(long, value_name = "N")]
        tail: Option<u64>,
        /// Go on printing as more comes
        #[arg(short, long)]
        follow: bool,
    },
}

/// What `nexus` is to do for a verb of `ws`.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// The same as this command of `nexus`.
    Command(Command),
    /// Start it, or make it when there is none.
    CreateOrStart(Create),
}

impl From<Verb> for Meaning {
    fn from(verb: Verb) -> Self {
        let which = |name: String| Which { name: Some(name) };
        let command = |workspace| Self::Command(Command::Workspace(workspace));
        match verb {
            Verb::Start {
                name,
                shape,
                waiting,
            } => Self::CreateOrStart(Create {
                name,
                shape,
                waiting,
                change: Change::default(),
            }),
            Verb::Stop { name, waiting } => command(Workspace::Stop(Act {
                which: which(name),
                waiting,
                change: Change::default(),
            })),
            Verb::List => command(Workspace::List(List::default())),
            Verb::Delete { name, yes, waiting } => command(Workspace::Delete(Delete {
                name,
                yes,
                waiting,
                change: Change::default(),
            })),
            Verb::Shell {
                name,
                command: line,
            } => command(Workspace::Ssh(Ssh {
                which: which(name),
                command: line.into_iter().collect(),
                ..Ssh::default()
            })),
            Verb::Logs { name, tail, follow } => command(Workspace::Logs(Logs {
                which: which(name),
                tail,
                follow,
                ..Logs::default()
            })),
        }
    }
}
