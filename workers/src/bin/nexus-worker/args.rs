//! What the worker is told on its command line. Nothing secret: credentials are named by file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use nexus_nats::NodeHome;

/// Takes commands for one provider and brings machines about.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) worker: WorkerArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Says what works here and what is missing, and ends
    Doctor,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WorkerArgs {
    /// What makes the machines
    #[arg(long, value_enum, global = true, default_value = "docker")]
    pub(crate) provider: ProviderArg,
    /// Where Nexus keeps its things [default: ~/.nexus]
    #[arg(long, env = "NEXUS_HOME", global = true, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// The NATS servers (tls://HOST:PORT, comma between)
    #[arg(
        long,
        env = "NEXUS_NATS_URL",
        global = true,
        value_delimiter = ',',
        value_name = "URL"
    )]
    pub(crate) nats_url: Vec<String>,
    /// The file with the nkey seed to connect with
    #[arg(long, env = "NEXUS_NATS_CREDS", global = true, value_name = "FILE")]
    pub(crate) nats_creds: Option<PathBuf>,
    /// The certificate (PEM) of the authority that vouches for the servers
    #[arg(long, env = "NEXUS_NATS_CA", global = true, value_name = "FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// Our certificate and its key in one file (PEM, mode 0600), where the servers ask for one
    #[arg(long, env = "NEXUS_NATS_CERT", global = true, value_name = "FILE")]
    pub(crate) nats_cert: Option<PathBuf>,
    /// Speak to servers elsewhere without TLS: only where the network itself encrypts
    #[arg(long, env = "NEXUS_NATS_PLAINTEXT", global = true)]
    pub(crate) nats_plaintext: bool,
    /// The node this is, where its credentials were made for one [default: drawn once]
    #[arg(long, env = "NEXUS_NODE", global = true, value_name = "NODE")]
    pub(crate) node: Option<NodeId>,
    /// Operations worked on at once
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: u16,
    /// The address workspaces' ports are listened on
    #[arg(long, global = true, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    pub(crate) bind: IpAddr,
    /// Where control planes on other hosts may connect, by TLS; without it, and where they do not
    /// get there, all goes over NATS
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub(crate) link_listen: Option<SocketAddr>,
    /// What they are told to connect to, where that is not what is listened on
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        requires = "link_listen"
    )]
    pub(crate) link_advertise: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderArg {
    /// Containers of a Docker engine
    Docker,
    /// Sandboxes of this machine's own kernel
    Process,
}

impl From<ProviderArg> for Provider {
    fn from(argument: ProviderArg) -> Self {
        match argument {
            ProviderArg::Docker => Self::Docker,
            ProviderArg::Process => Self::Process,
        }
    }
}

impl ProviderArg {
    const fn provider(self) -> Provider {
        match self {
            Self::Docker => Provider::Docker,
            Self::Process => Provider::Process,
        }
    }
}

impl WorkerArgs {
    /// The worker's own folder.
    pub(crate) fn node_home(&self) -> anyhow::Result<NodeHome> {
        let home = match (&self.home, std::env::var_os("HOME")) {
            (Some(home), _) => home.clone(),
            (None, Some(home)) => PathBuf::from(home).join(".nexus"),
            (None, None) => anyhow::bail!("neither --home nor HOME is set"),
        };
        let home = NodeHome::of(&std::path::absolute(home)?, self.provider.provider())?;
        if let Some(node) = self.node {
            home.be(node)?;
        }
        Ok(home)
    }
}
