//! Several `nexusd` and several workers on one log, each with a home and a network of its own.
//!
//! ```text
//!   nexusd-0 ── proxy ──┐                ┌── proxy ── worker-0
//!   nexusd-1 ── proxy ──┴── nats-server ─┴── proxy ── worker-1 …
//! ```
//!
//! The log's server is the very child `nexusd` would start, with the rights each role has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_nats::embedded::ChildState;
use nexus_nats::{Bus, Embedded, EmbeddedOptions, Log, NodeHome, Role};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::chaos::fault::Target;
use crate::chaos::proxy::Proxy;
use crate::client::Client;
use crate::plane::{ALICE, make_key};
use crate::ports::PortRange;
use crate::program::Program;

/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// One `nexusd` or one worker.
#[derive(Debug)]
pub struct Member {
    /// The process.
    pub program: Program,
    /// Its network.
    pub proxy: Proxy,
    /// Its own folder.
    pub home: PathBuf,
}

/// The whole of it; dropped, nothing is left running.
#[derive(Debug)]
pub struct Replicas {
    members: BTreeMap<Target, Member>,
    log: Embedded,
    ports: Vec<PortRange>,
    home: TempDir,
}

impl Replicas {
    /// Starts the log's server, `planes` replicas and one worker for each of `workers`, and
    /// registers Alice.
    ///
    /// # Errors
    /// When one is not there within a minute.
    pub async fn start(planes: usize, workers: &[&str]) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        let mut options = EmbeddedOptions::new(home.path().join("log"));
        // Each worker is a user of its own, who has to be known before the server starts.
        let mut nodes = Vec::new();
        for (number, provider) in workers.iter().enumerate() {
            let provider: Provider = provider.parse()?;
            let folder = home.path().join(Target::Worker(number).to_string());
            let node = NodeHome::of(&folder, provider)?.node()?;
            options = options.worker(node, provider);
            nodes.push(node);
        }
        let log = Embedded::start(options).await?;
        let ports = (0..planes)
            .map(|_| PortRange::take())
            .collect::<anyhow::Result<_>>()?;
        let mut replicas = Self {
            members: BTreeMap::new(),
            log,
            ports,
            home,
        };
        for number in 0..planes {
            replicas.add_plane(number).await?;
        }
        for (number, (provider, node)) in workers.iter().zip(nodes).enumerate() {
            replicas.add_worker(number, provider, node).await?;
        }
        replicas.nodes_joined(workers.len()).await?;
        let public = make_key(&replicas.home.path().join("id_alice")).await?;
        replicas.client(0)?.register(ALICE, 1, &public).await?;
        Ok(replicas)
    }

    async fn add_plane(&mut self, number: usize) -> anyhow::Result<()> {
        let (target, proxy) = (Target::Plane(number), self.proxy().await?);
        let home = self.folder(target)?;
        let address = format!("127.0.0.1:{}", self.ports[number].api());
        let binary = binaries::binary("nexusd")?;
        let program = Program::new(binary, home.join("program.log"))
            .arguments(&["daemon", "--listen", &address, "--worker", "none"])
            .variable("NEXUS_HOME", &home)
            .variable("NEXUS_KEYS", self.keys())
            .variable("NEXUS_SSH_LISTEN", "off")
            .variable("NEXUS_SSH_PORTS", self.ports[0].pool())
            .variable("NEXUS_NATS_URL", format!("nats://{}", proxy.address()))
            .variable("NEXUS_NATS_CREDS", self.log.seed_file(Role::ControlPlane));
        self.add(target, program, proxy, home)?;
        self.ready(number).await
    }

    async fn add_worker(
        &mut self,
        number: usize,
        provider: &str,
        node: NodeId,
    ) -> anyhow::Result<()> {
        let (target, proxy) = (Target::Worker(number), self.proxy().await?);
        let home = self.folder(target)?;
        let binary = binaries::binary("nexus-worker")?;
        let program = Program::new(binary, home.join("program.log"))
            .arguments(&["--provider", provider])
            .variable("NEXUS_HOME", &home)
            .variable("NEXUS_BIN_DIR", binaries::folder()?)
            .variable("NEXUS_NATS_URL", format!("nats://{}", proxy.address()))
            .variable("NEXUS_NATS_CREDS", self.log.seed_file(Role::Worker(node)));
        self.add(target, program, proxy, home)
    }

    fn add(
        &mut self,
        target: Target,
        mut program: Program,
        proxy: Proxy,
        home: PathBuf,
    ) -> anyhow::Result<()> {
        program.start()?;
        let member = Member {
            program,
            proxy,
            home,
        };
        self.members.insert(target, member);
        Ok(())
    }

    async fn proxy(&self) -> anyhow::Result<Proxy> {
        let address = self.log.url().trim_start_matches("nats://");
        Proxy::before(address.parse()?).await
    }

    fn folder(&self, target: Target) -> anyhow::Result<PathBuf> {
        let folder = self.home.path().join(target.to_string());
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The keys all replicas share.
    pub fn keys(&self) -> PathBuf {
        self.home.path().join("keys")
    }

    /// The folder everything is in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// One of the programs.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn member(&mut self, target: Target) -> anyhow::Result<&mut Member> {
        let member = self.members.get_mut(&target);
        member.with_context(|| format!("there is no {target}"))
    }

    /// All of them but the log's server.
    pub fn members(&mut self) -> impl Iterator<Item = (Target, &mut Member)> {
        self.members
            .iter_mut()
            .map(|(target, member)| (*target, member))
    }

    /// The API of a replica, as the operator.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn client(&self, number: usize) -> anyhow::Result<Client> {
        let member = self.members.get(&Target::Plane(number));
        let member = member.with_context(|| format!("there is no nexusd-{number}"))?;
        Client::local(&member.home.join("daemon.sock"))
    }

    /// The API of a replica over TCP, with a token.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn over_tcp(&self, number: usize, token: &str) -> anyhow::Result<Client> {
        Client::tcp(&format!("http://{}", self.address(number)), Some(token))
    }

    /// Where the API of a replica is, as `host:port`.
    pub fn address(&self, number: usize) -> String {
        format!("127.0.0.1:{}", self.ports[number].api())
    }

    /// Where the log's server listens, past every proxy.
    pub fn log_url(&self) -> &str {
        self.log.url()
    }

    /// A connection of the test's own to the log, past every proxy.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        Ok(Bus::connect(self.log.options(Role::ControlPlane)).await?)
    }

    /// The log, past every proxy.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn log(&self) -> anyhow::Result<Log> {
        Ok(Log::on(&self.bus().await?))
    }

    /// Sends the log's server a signal; killed, it is started again by who keeps it.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn signal_log(&self, signal: Signal) -> anyhow::Result<()> {
        let state = self.log.state();
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

    /// Waits until a replica says that it is ready.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn ready(&self, number: usize) -> anyhow::Result<()> {
        let client = self.client(number)?;
        let asked = async {
            while client.get::<Value>("/readyz").await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| anyhow::anyhow!("nexusd-{number} is not ready\n{}", self.last_words()))
    }

    async fn nodes_joined(&self, wanted: usize) -> anyhow::Result<()> {
        let client = self.client(0)?;
        let asked = async {
            loop {
                if let Ok(page) = client.get::<Value>("/api/v1/nodes").await {
                    let online = |node: &&Value| node["status"] == "online";
                    let nodes = page["items"].as_array().into_iter().flatten();
                    if nodes.filter(online).count() >= wanted {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| anyhow::anyhow!("not every worker joined\n{}", self.last_words()))
    }

    /// The end of what each program said.
    pub fn last_words(&self) -> String {
        let end = |(target, member): (&Target, &Member)| {
            format!("--- {target}\n{}", member.program.last_words(25))
        };
        self.members.iter().map(end).collect::<Vec<_>>().join("\n")
    }

    /// First processes of sandboxes below this folder, by the workspace each is of.
    ///
    /// # Errors
    /// When the processes cannot be listed.
    pub fn sandboxes(&self) -> anyhow::Result<Vec<(WorkspaceId, u32)>> {
        crate::chaos::census::sandboxes(self.home.path())
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        // The programs go with their handles; what workers left behind does not.
        self.members.clear();
        for (_, id) in self.sandboxes().unwrap_or_default() {
            if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}
