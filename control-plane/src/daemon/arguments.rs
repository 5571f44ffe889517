//! What nexusd is told on its command line. Nothing secret: credentials are named by file.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand};
use nexus_events::spec::{Provider, SourceRules};
use nexus_nats::link::Way;

use super::cluster::ClusterArguments;
use crate::settings::Settings;
use crate::ssh::SshListen;

mod nats;

pub use nats::NatsArguments;

/// Decides, records and tells what becomes of workspaces.
#[derive(Debug, Parser)]
#[command(name = "nexusd", version, propagate_version = true)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What nexusd can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the API until it is told to stop
    Daemon(Box<DaemonArguments>),
    /// Makes the log of an empty home from a file of `nexus backup`, and ends
    Restore(RestoreArguments),
    /// A cluster of NATS servers
    #[command(subcommand)]
    Cluster(ClusterArguments),
}

/// What to restore, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct RestoreArguments {
    /// The file `nexus backup` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where Nexus keeps its things [default: ~/.nexus]
    #[arg(long, env = "NEXUS_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
}

/// The home told, else the usual one, absolute.
pub(super) fn home(told: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let home = match (told, std::env::var_os("HOME")) {
        (Some(home), _) => home.clone(),
        (None, Some(home)) => PathBuf::from(home).join(".nexus"),
        (None, None) => anyhow::bail!("neither --home nor HOME is set: add --home FOLDER"),
    };
    Ok(std::path::absolute(home)?)
}

/// How to serve.
#[derive(Debug, Clone, clap::Args)]
pub struct DaemonArguments {
    /// The loopback address the API is served on
    #[arg(
        long,
        env = "NEXUS_LISTEN",
        default_value = "127.0.0.1:3001",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,
    /// Where Nexus keeps its things [default: ~/.nexus]
    #[arg(long, env = "NEXUS_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// Where the keys are that all replicas share [default: the home]
    #[arg(long, env = "NEXUS_KEYS", value_name = "FOLDER")]
    pub keys: Option<PathBuf>,
    /// Has the log used with this server's keys from now on, where it was with others
    #[arg(long)]
    pub replace_keys: bool,
    /// The NATS servers
    #[command(flatten)]
    pub nats: NatsArguments,
    /// Workers to start here: auto, none, or providers (docker,process)
    #[arg(
        long,
        env = "NEXUS_WORKER",
        default_value = "auto",
        value_name = "CHOICE"
    )]
    pub worker: WorkerChoice,
    /// The host people reach workspaces under
    #[arg(
        long,
        env = "NEXUS_HOST_NAME",
        default_value = "127.0.0.1",
        value_name = "HOST"
    )]
    pub host_name: String,
    /// The domain previews are named under; every name below it has to lead here
    #[arg(
        long,
        env = "NEXUS_PREVIEW_DOMAIN",
        default_value = "preview.localhost",
        value_name = "DOMAIN"
    )]
    pub preview_domain: String,
    /// A host repositories may be cloned from (repeat for more; `*`: any public one)
    #[arg(
        long,
        env = "NEXUS_ALLOW_HOST",
        value_delimiter = ',',
        default_value = "github.com"
    )]
    #[arg(value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// The only way to take to workspaces: direct, tls or relay [default: direct where there is one]
    #[arg(long, env = "NEXUS_LINK", value_name = "WAY")]
    pub link: Option<Way>,
    /// Ports for SSH, pool by pool
    #[arg(
        long,
        env = "NEXUS_SSH_PORTS",
        value_delimiter = ',',
        value_name = "FROM-TO"
    )]
    #[arg(default_value = "2222-2299,32800-34999")]
    pub ssh_ports: Vec<PortPool>,
    /// Where the jump host listens: an address, off, or auto (127.0.0.1:3022, or any free port)
    #[arg(
        long,
        env = "NEXUS_SSH_LISTEN",
        default_value = "auto",
        value_name = "ADDRESS"
    )]
    pub ssh_listen: SshListen,
}

/// Ports of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortPool(pub RangeInclusive<u16>);

impl FromStr for PortPool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        match (from.parse::<u16>(), to.parse::<u16>()) {
            (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(Self(from..=to)),
            _ => Err(format!(
                "`{text}` is no range of ports: expected FROM-TO, as in 2222-2299"
            )),
        }
    }
}

/// Which workers to start here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerChoice {
    /// One for processes, and one for Docker when its engine answers.
    Auto,
    /// These.
    These(Vec<Provider>),
}

impl FromStr for WorkerChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::These(Vec::new())),
            list => {
                let providers = list.split(',').map(|word| word.trim().parse::<Provider>());
                let providers = providers.collect::<Result<Vec<_>, _>>();
                providers
                    .map(Self::These)
                    .map_err(|error| error.to_string())
            }
        }
    }
}

impl DaemonArguments {
    /// The settings they make.
    ///
    /// # Errors
    /// When there is no home, or its path cannot be made absolute.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let home = home(self.home.as_ref())?;
        let any = self.allow_host.iter().any(|host| host == "*");
        let hosts = if any {
            Vec::new()
        } else {
            self.allow_host.clone()
        };
        let home = std::path::absolute(home)?;
        let keys = match &self.keys {
            Some(keys) => std::path::absolute(keys)?,
            None => home.clone(),
        };
        Ok(Settings {
            keys,
            replace_keys: self.replace_keys,
            listen: self.listen,
            public_host: self.host_name.clone(),
            preview_domain: self.preview_domain.clone(),
            ssh_ports: self.ssh_ports.iter().map(|pool| pool.0.clone()).collect(),
            ssh_listen: self.ssh_listen,
            on_this_machine: self.nats.url.is_empty(),
            // Files of this machine make sense while only this machine is served.
            sources: SourceRules {
                hosts,
                local_files: self.listen.ip().is_loopback(),
            },
            ..Settings::in_home(home)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<DaemonArguments, clap::Error> {
        let all = ["nexusd", "daemon"].iter().chain(arguments);
        match Arguments::try_parse_from(all)?.command {
            Command::Daemon(arguments) => Ok(*arguments),
            Command::Restore(arguments) => panic!("{arguments:?} is no daemon"),
            Command::Cluster(_) => unreachable!("`daemon` was said"),
        }
    }

    #[test]
    fn workers_are_chosen_by_word_or_by_list() {
        let choice = |text| parsed(&["--worker", text]).map(|arguments| arguments.worker);
        assert_eq!(choice("auto").unwrap(), WorkerChoice::Auto);
        assert_eq!(choice("none").unwrap(), WorkerChoice::These(Vec::new()));
        let both = WorkerChoice::These(vec![Provider::Docker, Provider::Process]);
        assert_eq!(choice("docker,process").unwrap(), both);
        assert!(
            choice("dokcer")
                .unwrap_err()
                .to_string()
                .contains("no provider")
        );
    }

    #[test]
    fn pools_are_ranges() {
        let arguments = parsed(&["--ssh-ports", "9000-9001,9100"]).unwrap();
        assert_eq!(
            arguments.ssh_ports,
            [PortPool(9000..=9001), PortPool(9100..=9100)]
        );
        for wrong in ["9001-9000", "0-1", "x", "1-70000"] {
            assert!(parsed(&["--ssh-ports", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn any_public_host_is_asked_for_by_a_star() {
        let mut arguments = parsed(&["--allow-host", "*", "--home", "/h"]).unwrap();
        assert!(arguments.settings().unwrap().sources.hosts.is_empty());
        arguments.allow_host = vec!["git.example.com".into()];
        assert_eq!(
            arguments.settings().unwrap().sources.hosts,
            ["git.example.com"]
        );
    }
}
