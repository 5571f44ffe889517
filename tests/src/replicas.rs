//! Several `nexusd` and several workers on one log, each with a home and a network of its own.
//!
//! ```text
//!   nexusd-0 ── proxy ──┐                ┌── proxy ── worker-0
//!   nexusd-1 ── proxy ──┴── nats-server ─┴── proxy ── worker-1 …
//! ```
//!
//! The log's server is the very child `nexusd` would start, with the rights each role has; or there
//! are three, as `nexusd cluster init` has them, and everyone has a proxy before each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::id::WorkspaceId;
use nexus_nats::{Bus, Log};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::chaos::fault::Target;
use crate::chaos::proxy::{Proxy, Weather};
use crate::client::Client;
use crate::disk::SmallDisk;
use crate::log_servers::{LogServers, Servers};
use crate::plane::{ALICE, make_key};
use crate::ports::PortRange;
use crate::program::Program;

/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long is asked who leads: whoever does may just have been killed.
const ANSWER: Duration = Duration::from_secs(2);

/// One `nexusd` or one worker.
#[derive(Debug)]
pub struct Member {
    /// The process.
    pub program: Program,
    /// Its network: one before each of the log's servers.
    pub proxies: Vec<Proxy>,
    /// Its own folder.
    pub home: PathBuf,
}

/// How large the disks are that a run may fill, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Disks {
    /// The one of each of the log's servers.
    pub server: u64,
    /// The one each replica has its read model on.
    pub plane: u64,
}

/// The whole of it; dropped, nothing is left running.
#[derive(Debug)]
pub struct Replicas {
    members: BTreeMap<Target, Member>,
    log: LogServers,
    /// Of those that keep something, where a run may fill them.
    disks: BTreeMap<Target, SmallDisk>,
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
        Self::start_on(Servers::One, planes, workers, None).await
    }

    /// The same with one server of the log, or three; each of them and each replica on a disk of its
    /// own, if they are to be had.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_on(
        servers: Servers,
        planes: usize,
        workers: &[&str],
        sizes: Option<Disks>,
    ) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        let ports: Vec<PortRange> = (0..planes)
            .map(|_| PortRange::take())
            .collect::<anyhow::Result<_>>()?;
        let range = ports.first().context("a replica at least")?;
        let mut disks = BTreeMap::new();
        if let Some(sizes) = sizes {
            for number in 0..servers.count() {
                let disk = SmallDisk::make(sizes.server).await?;
                disks.insert(Target::Server(number), disk);
            }
            for number in 0..planes {
                let disk = SmallDisk::make(sizes.plane).await?;
                disks.insert(Target::Plane(number), disk);
            }
        }
        let log = LogServers::start(servers, home.path(), workers, range, &disks).await?;
        let mut replicas = Self {
            members: BTreeMap::new(),
            log,
            disks,
            ports,
            home,
        };
        for number in 0..planes {
            replicas.add_plane(number).await?;
        }
        for (number, provider) in workers.iter().enumerate() {
            replicas.add_worker(number, provider).await?;
        }
        replicas.nodes_joined(workers.len()).await?;
        let public = make_key(&replicas.home.path().join("id_alice")).await?;
        replicas.client(0)?.register(ALICE, 1, &public).await?;
        Ok(replicas)
    }

    async fn add_plane(&mut self, number: usize) -> anyhow::Result<()> {
        let target = Target::Plane(number);
        let home = self.folder(target)?;
        if let Some(disk) = self.disks.get(&target) {
            disk.stands_at(&home.join("read-model"))?;
        }
        let address = format!("127.0.0.1:{}", self.ports[number].api());
        let binary = binaries::binary("nexusd")?;
        let program = Program::new(binary, home.join("program.log"))
            .arguments(&["daemon", "--listen", &address, "--worker", "none"])
            .variable("NEXUS_HOME", &home)
            .variable("NEXUS_KEYS", self.keys())
            .variable("NEXUS_SSH_LISTEN", "off")
            .variable("NEXUS_SSH_PORTS", self.ports[0].pool());
        self.add(target, program, home).await?;
        self.ready(number).await
    }

    async fn add_worker(&mut self, number: usize, provider: &str) -> anyhow::Result<()> {
        let target = Target::Worker(number);
        let home = self.folder(target)?;
        let binary = binaries::binary("nexus-worker")?;
        let program = Program::new(binary, home.join("program.log"))
            .arguments(&["--provider", provider])
            .variable("NEXUS_HOME", &home)
            .variable("NEXUS_BIN_DIR", binaries::folder()?);
        self.add(target, program, home).await
    }

    async fn add(
        &mut self,
        target: Target,
        mut program: Program,
        home: PathBuf,
    ) -> anyhow::Result<()> {
        let mut proxies = Vec::new();
        for url in self.log.urls() {
            let (_, address) = url.split_once("://").context("a URL has a scheme")?;
            proxies.push(Proxy::before(address.parse()?).await?);
        }
        let through: Vec<SocketAddr> = proxies.iter().map(Proxy::address).collect();
        for (key, value) in self.log.environment(target, through.into_iter())? {
            program = program.variable(&key, value);
        }
        program.start()?;
        let member = Member {
            program,
            proxies,
            home,
        };
        self.members.insert(target, member);
        Ok(())
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

    /// All of them but the log's servers.
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

    /// Where the log's servers listen, past every proxy, with commas between.
    pub fn log_url(&self) -> String {
        self.log.urls().join(",")
    }

    /// How many servers keep the log.
    pub const fn servers(&self) -> Servers {
        self.log.servers()
    }

    /// A connection of the test's own to the log, past every proxy.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        Ok(Bus::connect(self.log.options()).await?)
    }

    /// The log, past every proxy.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn log(&self) -> anyhow::Result<Log> {
        Ok(Log::on(&self.bus().await?))
    }

    /// Which of the log's servers leads it; `None` when nobody can tell soon.
    pub async fn leader(&self) -> Option<usize> {
        let asked = async { self.log.leader(&self.bus().await.ok()?).await };
        tokio::time::timeout(ANSWER, asked).await.ok()?
    }

    /// Waits until each of the log's servers has everything.
    ///
    /// # Errors
    /// When they have not within a minute.
    pub async fn log_is_whole(&self) -> anyhow::Result<()> {
        let asked = async {
            let bus = self.bus().await?;
            while !self.log.are_whole(&bus).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            bus.drain().await;
            Ok(())
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| anyhow::anyhow!("the log's servers do not agree\n{}", self.last_words()))?
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When the signal cannot be sent, or there is no such program.
    pub async fn kill(&mut self, target: Target) -> anyhow::Result<()> {
        match target {
            Target::Server(number) => self.log.kill(number).await,
            target => self.member(target)?.program.kill().await.map(drop),
        }
    }

    /// Starts a killed one again; the log's only server is started by who keeps it.
    ///
    /// # Errors
    /// When it cannot be started, or there is no such program.
    pub fn run(&mut self, target: Target) -> anyhow::Result<()> {
        match target {
            Target::Server(number) => self.log.run(number),
            target => self.member(target)?.program.start(),
        }
    }

    /// Sends a program a signal, if it runs.
    ///
    /// # Errors
    /// When the signal cannot be sent, or there is no such program.
    pub fn signal(&mut self, target: Target, signal: Signal) -> anyhow::Result<()> {
        match target {
            Target::Server(number) => self.log.signal(number, signal),
            target => self.member(target)?.program.signal(signal),
        }
    }

    /// Lets the weather change between a program and the log's servers, or between one of those
    /// and every program.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn weather(&mut self, target: Target, weather: Weather) -> anyhow::Result<()> {
        if let Target::Server(number) = target {
            for (_, member) in self.members() {
                let proxy = member.proxies.get(number);
                proxy
                    .with_context(|| format!("there is no {target}"))?
                    .set(weather);
            }
            return Ok(());
        }
        for proxy in &self.member(target)?.proxies {
            proxy.set(weather);
        }
        Ok(())
    }

    /// Fills the disk of a program; gives whether it was not full before.
    ///
    /// # Errors
    /// When it has none of its own.
    pub fn fill(&mut self, target: Target) -> anyhow::Result<bool> {
        self.disk(target)?.fill()
    }

    /// Makes room on it again. A server of the log takes nothing more in after a write has failed:
    /// whoever keeps it starts it again.
    ///
    /// # Errors
    /// When the program has no disk of its own, or it was not full.
    pub async fn empty(&mut self, target: Target) -> anyhow::Result<()> {
        self.disk(target)?.empty()?;
        match target {
            Target::Server(number) => self.log.restart(number).await,
            Target::Plane(_) | Target::Worker(_) | Target::Leader => Ok(()),
        }
    }

    fn disk(&mut self, target: Target) -> anyhow::Result<&mut SmallDisk> {
        let disk = self.disks.get_mut(&target);
        disk.with_context(|| format!("{target} has no disk of its own"))
    }

    /// Waits until a replica says that it is ready.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn ready(&self, number: usize) -> anyhow::Result<()> {
        let client = self.client(number)?;
        tokio::time::timeout(PATIENCE, client.ready())
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
        let mut ends: Vec<String> = self.members.iter().map(end).collect();
        ends.push(self.log.last_words());
        ends.join("\n")
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
