//! What keeps the log of a run: the one server `nexusd` would start, or three as an operator has
//! them made.

mod cluster;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use nexus_nats::embedded::ChildState;
use nexus_nats::{Bus, Embedded, EmbeddedOptions, NodeHome, Options, Role};
use rustix::process::{Pid, Signal, kill_process};

use self::cluster::Cluster;
use crate::chaos::fault::Target;
use crate::disk::SmallDisk;
use crate::ports::PortRange;

/// How long three servers may take to find each other on a busy machine.
const GATHERING: Duration = Duration::from_secs(60);

/// How many servers keep the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Servers {
    /// One, started again by whoever keeps it, as `nexusd` does.
    #[value(name = "1")]
    One,
    /// Three, each with a copy of everything.
    #[value(name = "3")]
    Three,
}

impl Servers {
    /// As a number.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// The running servers.
#[derive(Debug)]
pub(crate) enum LogServers {
    One {
        server: Box<Embedded>,
        workers: Vec<NodeId>,
    },
    Three(Cluster),
}

impl LogServers {
    /// Starts them below `home`, for one worker of each of these providers; each keeps the log on
    /// its disk, if it has one.
    pub(crate) async fn start(
        servers: Servers,
        home: &Path,
        workers: &[&str],
        range: &PortRange,
        disks: &BTreeMap<Target, SmallDisk>,
    ) -> anyhow::Result<Self> {
        match servers {
            Servers::One => Self::one(home, workers, disks.get(&Target::Server(0))).await,
            Servers::Three => {
                let servers = Self::Three(Cluster::start(home, workers, range, disks)?);
                // Whoever starts before they have found each other ends after a while, and is
                // started again by whoever keeps it: not what a run begins with.
                Bus::connect(servers.options().patience(GATHERING))
                    .await
                    .with_context(|| servers.last_words())?
                    .drain()
                    .await;
                Ok(servers)
            }
        }
    }

    async fn one(home: &Path, workers: &[&str], disk: Option<&SmallDisk>) -> anyhow::Result<Self> {
        if let Some(disk) = disk {
            disk.stands_at(&home.join("log/store"))?;
        }
        let mut options = EmbeddedOptions::new(home.join("log"));
        // Each worker is a user of its own, who has to be known before the server starts.
        let mut nodes = Vec::new();
        for (number, provider) in workers.iter().enumerate() {
            let provider: Provider = provider.parse()?;
            let folder = home.join(Target::Worker(number).to_string());
            let node = NodeHome::of(&folder, provider)?.node()?;
            options = options.worker(node, provider);
            nodes.push(node);
        }
        Ok(Self::One {
            server: Box::new(Embedded::start(options).await?),
            workers: nodes,
        })
    }

    pub(crate) const fn servers(&self) -> Servers {
        match self {
            Self::One { .. } => Servers::One,
            Self::Three(_) => Servers::Three,
        }
    }

    /// Where each takes clients.
    pub(crate) fn urls(&self) -> Vec<String> {
        match self {
            Self::One { server, .. } => vec![server.url().to_owned()],
            Self::Three(cluster) => (0..3).map(|server| cluster.files().url(server)).collect(),
        }
    }

    /// What a program is told of them: its credentials, and to reach them at `through` each.
    pub(crate) fn environment(
        &self,
        target: Target,
        through: impl Iterator<Item = SocketAddr>,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let (mut environment, scheme) = match self {
            Self::One { server, workers } => {
                let role = match target {
                    Target::Worker(number) => Role::Worker(workers[number]),
                    Target::Plane(_) | Target::Server(_) | Target::Leader => Role::ControlPlane,
                };
                let seed = server.seed_file(role).to_string_lossy().into_owned();
                (vec![("NEXUS_NATS_CREDS".to_owned(), seed)], "nats")
            }
            Self::Three(cluster) => (cluster.environment(target)?, "tls"),
        };
        let urls: Vec<String> = through
            .map(|address| format!("{scheme}://{address}"))
            .collect();
        environment.retain(|(key, _)| key != "NEXUS_NATS_URL");
        environment.push(("NEXUS_NATS_URL".to_owned(), urls.join(",")));
        Ok(environment)
    }

    /// How to connect as the control plane, past every proxy.
    pub(crate) fn options(&self) -> Options {
        match self {
            Self::One { server, .. } => server.options(Role::ControlPlane),
            Self::Three(cluster) => cluster.files().options("control-plane", Role::ControlPlane),
        }
    }

    /// Which one leads the log; `None` when nobody does, or nobody can tell.
    pub(crate) async fn leader(&self, bus: &Bus) -> Option<usize> {
        match self {
            Self::One { .. } => Some(0),
            Self::Three(cluster) => cluster.files().leader(bus).await,
        }
    }

    /// Whether each has everything.
    pub(crate) async fn are_whole(&self, bus: &Bus) -> bool {
        match self {
            Self::One { .. } => true,
            Self::Three(cluster) => cluster.files().is_whole(bus).await,
        }
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self, number: usize) -> anyhow::Result<()> {
        match self {
            Self::One { .. } => self.signal(number, Signal::KILL),
            Self::Three(cluster) => cluster.program(number)?.kill().await.map(drop),
        }
    }

    /// Ends one and starts it again.
    pub(crate) async fn restart(&mut self, number: usize) -> anyhow::Result<()> {
        match self {
            Self::One { server, .. } => {
                server.restart().await;
                Ok(())
            }
            Self::Three(cluster) => {
                let program = cluster.program(number)?;
                program.kill().await?;
                program.start()
            }
        }
    }

    /// Starts a killed one again; the only one is started by who keeps it.
    pub(crate) fn run(&mut self, number: usize) -> anyhow::Result<()> {
        match self {
            Self::One { .. } => Ok(()),
            Self::Three(cluster) => cluster.program(number)?.start(),
        }
    }

    pub(crate) fn signal(&mut self, number: usize, signal: Signal) -> anyhow::Result<()> {
        let server = match self {
            Self::One { server, .. } => server,
            Self::Three(cluster) => return cluster.program(number)?.signal(signal),
        };
        ensure!(number == 0, "there is one nats-server, not {number}");
        let state = server.state();
        let running = match &*state.borrow() {
            ChildState::Running { pid, .. } => i32::try_from(*pid).ok(),
            ChildState::Crashed { .. } | ChildState::Stopped => None,
        };
        if let Some(pid) = running.and_then(Pid::from_raw) {
            // It may have ended since.
            let _ = kill_process(pid, signal);
        }
        Ok(())
    }

    /// The end of what each of several said.
    pub(crate) fn last_words(&self) -> String {
        match self {
            Self::One { .. } => String::new(),
            Self::Three(cluster) => cluster.last_words(),
        }
    }
}
