//! The files of a cluster of three as [`crate::cluster`] makes them, and what to read from them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nexus_events::id::NodeId;

use super::{TrioError, group};
use crate::cluster::{self, CLIENT_PORT, Plan};
use crate::connect::{Bus, Options, Role, Transport};

/// What the servers are called.
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Where a client's files are to be, as its `nats.env` says before it is installed.
const INSTALLED: &str = "/etc/nexus/nats";

/// Everything three servers and their clients read.
#[derive(Debug)]
pub struct ClusterFiles {
    folder: PathBuf,
    hosts: [String; 3],
}

impl ClusterFiles {
    /// Why they cannot be made on this machine; `None` when they can.
    pub fn missing() -> Option<&'static str> {
        let version = Command::new("openssl").arg("version").output();
        let there = version.is_ok_and(|said| said.status.success());
        (!there).then_some("openssl is not installed")
    }

    /// Makes them in `folder`, for servers at these addresses and for these workers, each
    /// `NAME=PROVIDER`.
    ///
    /// # Errors
    /// When a word cannot be used, or `openssl` is missing.
    pub fn make(folder: &Path, hosts: [String; 3], workers: &[String]) -> Result<Self, TrioError> {
        let text = |error: cluster::ClusterError| TrioError(error.to_string());
        let nodes = NAMES.iter().zip(&hosts);
        let nodes = nodes.map(|(name, host)| format!("{name}={host}").parse());
        let workers = workers.iter().map(|worker| worker.parse());
        let plan = Plan {
            folder: folder.to_owned(),
            nodes: nodes.collect::<Result<_, _>>().map_err(text)?,
            workers: workers.collect::<Result<_, _>>().map_err(text)?,
        };
        cluster::init(&plan).map_err(text)?;
        Ok(Self {
            folder: folder.to_owned(),
            hosts,
        })
    }

    /// What a server is called.
    pub const fn name(server: usize) -> &'static str {
        NAMES[server]
    }

    /// Where a server takes clients.
    pub fn url(&self, server: usize) -> String {
        format!("tls://{}:{CLIENT_PORT}", self.hosts[server])
    }

    /// The folder of a server's files.
    pub fn node(&self, server: usize) -> PathBuf {
        self.folder.join("nodes").join(NAMES[server])
    }

    /// The folder of a client's files.
    pub fn client(&self, name: &str) -> PathBuf {
        self.folder.join("clients").join(name)
    }

    /// How a client of this name (`control-plane`, `worker-NAME`, `operator`) connects.
    pub fn options(&self, client: &str, role: Role) -> Options {
        let folder = self.client(client);
        let urls = (0..3).map(|server| self.url(server));
        Options::new(urls, role)
            .seed_file(folder.join("seed.nk"))
            .transport(Transport {
                authority: Some(folder.join("ca.pem")),
                certificate: Some(folder.join("client.pem")),
                plaintext: false,
            })
            .patience(Duration::from_secs(30))
    }

    /// What a client's program is told by its `nats.env`, with the files where they are.
    ///
    /// # Errors
    /// When there is no client of this name.
    pub fn environment(&self, client: &str) -> Result<Vec<(String, String)>, TrioError> {
        let folder = self.client(client);
        let text = std::fs::read_to_string(folder.join("nats.env"))
            .map_err(|error| TrioError(format!("the environment of {client}: {error}")))?;
        let here = text.replace(INSTALLED, &folder.to_string_lossy());
        let variables = here.lines().filter_map(|line| line.split_once('='));
        Ok(variables
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect())
    }

    /// The node a worker's credentials were made for.
    pub fn node_of(&self, worker: &str) -> Option<NodeId> {
        let environment = self.environment(&format!("worker-{worker}")).ok()?;
        let node = environment.iter().find(|(key, _)| key == "NEXUS_NODE");
        node?.1.parse().ok()
    }

    /// Who leads the log at the moment, as the cluster says.
    pub async fn leader(&self, bus: &Bus) -> Option<usize> {
        let leader = group::leader(bus).await?;
        NAMES.iter().position(|name| *name == leader)
    }

    /// Whether the log has a leader and every copy of it is as long.
    pub async fn is_whole(&self, bus: &Bus) -> bool {
        group::is_whole(bus).await
    }
}
