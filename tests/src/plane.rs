//! A whole Nexus in a folder of its own: `nexusd` with its embedded log and its workers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::binaries;
use crate::client::{Client, PublicKey};
use crate::docker;
use crate::ports::PortRange;
use crate::terminal::Door;
use crate::tool;

/// A running control plane, its home, and one registered person.
#[derive(Debug)]
pub struct Plane {
    home: TempDir,
    worker: String,
    environment: Vec<(String, String)>,
    ports: PortRange,
    daemon: Option<Child>,
    /// Its API, as the operator.
    pub client: Client,
    /// The person's key, for `ssh -i`.
    pub key: PathBuf,
}

/// What a plane starts, in the order in which it is killed.
const PROGRAMS: [&str; 4] = ["nexusd", "nexus-worker", "nats-server", "nexus-init"];

/// The login of the one person every plane starts with.
pub const ALICE: &str = "alice";

impl Plane {
    /// Starts `nexusd` with workers for `worker` (`process`, `docker` or both, comma between).
    ///
    /// # Errors
    /// When it does not become ready within a minute; its log is part of the text.
    pub async fn start(worker: &str) -> anyhow::Result<Self> {
        Self::start_with(worker, &[]).await
    }

    /// The same, with variables of the environment set.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(worker: &str, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        Self::start_in(home, worker, environment).await
    }

    /// The same in a home that is prepared first.
    ///
    /// # Errors
    /// As [`Self::start`], and whatever preparing it says.
    pub async fn start_prepared(
        worker: &str,
        prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        prepare(home.path())?;
        Self::start_in(home, worker, &[]).await
    }

    async fn start_in(
        home: TempDir,
        worker: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut plane = Self::prepared(home, worker, environment)?;
        plane.restart().await?;
        let public = make_key(&plane.key).await?;
        plane.client.register(ALICE, 1, &public).await?;
        plane.nodes_joined().await?;
        Ok(plane)
    }

    /// Starts `nexusd` in a home that is there, with whom its log knows.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn in_home(home: TempDir, worker: &str) -> anyhow::Result<Self> {
        let mut plane = Self::prepared(home, worker, &[])?;
        plane.restart().await?;
        Ok(plane)
    }

    fn prepared(home: TempDir, worker: &str, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let client = Client::local(&home.path().join("daemon.sock"))?;
        let key = home.path().join("id_alice");
        let environment = environment
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        let worker = worker.to_owned();
        Ok(Self {
            home,
            worker,
            environment,
            ports: PortRange::take()?,
            daemon: None,
            client,
            key,
        })
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its API listens, as `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.api())
    }

    /// Where its jump host listens, as `host:port`.
    pub fn jump_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.jump())
    }

    /// Its API over TCP, with `token`.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn over_tcp(&self, token: Option<&str>) -> anyhow::Result<Client> {
        Client::tcp(&format!("http://{}", self.address()), token)
    }

    /// Where WebSockets of its API are opened, with `token`.
    ///
    /// # Errors
    /// When its address cannot be read.
    pub fn door(&self, token: Option<&str>) -> anyhow::Result<Door> {
        Ok(Door {
            address: self.address().parse()?,
            host: self.address(),
            token: token.map(str::to_owned),
        })
    }

    /// The operator's token, which every home has.
    ///
    /// # Errors
    /// When it was not written.
    pub fn operator_token(&self) -> anyhow::Result<String> {
        let path = self.home().join("token");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    /// The id of the person `login`.
    ///
    /// # Errors
    /// When nobody is called so.
    pub async fn user_id(&self, login: &str) -> anyhow::Result<String> {
        let users: serde_json::Value = self.client.get("/api/v1/users").await?;
        let mut all = users["items"].as_array().into_iter().flatten();
        let user = all.find(|user| user["github_login"] == login);
        let id = user.and_then(|user| user["id"].as_str());
        Ok(id
            .with_context(|| format!("{login} is not in {users}"))?
            .to_owned())
    }

    /// A token of the person `login`, fresh.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn token_of(&self, login: &str) -> anyhow::Result<String> {
        self.issue(login, "user").await
    }

    /// The same, with which everything is seen.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn administrator_token(&self, login: &str) -> anyhow::Result<String> {
        self.issue(login, "admin").await
    }

    async fn issue(&self, login: &str, scope: &str) -> anyhow::Result<String> {
        let body = serde_json::json!({ "user": self.user_id(login).await?, "scope": scope });
        let issued: serde_json::Value = self.client.post("/api/v1/tokens", &body).await?;
        let token = issued["token"].as_str().context("a token has a text")?;
        Ok(token.to_owned())
    }

    /// Starts `nexusd`, for the first time or again.
    ///
    /// # Errors
    /// When it does not become ready within a minute.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(binaries::binary("nexusd")?);
        command
            .args([
                "daemon",
                "--listen",
                &self.address(),
                "--worker",
                &self.worker,
            ])
            .env("NEXUS_HOME", self.home.path())
            .env("NEXUS_SSH_PORTS", self.ports.pool())
            .env("NEXUS_SSH_LISTEN", self.jump_address())
            .env("NEXUS_BIN_DIR", binaries::folder()?)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        self.daemon = Some(command.spawn().context("starting nexusd")?);
        self.ready().await
    }

    /// Waits until the control plane says that it is ready.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn ready(&self) -> anyhow::Result<()> {
        tokio::time::timeout(Duration::from_secs(60), self.client.ready())
            .await
            .map_err(|_| anyhow::anyhow!("nexusd is not ready:\n{}", self.log_tail()))
    }

    /// Waits until each of its workers has joined.
    ///
    /// # Errors
    /// When one has not within a minute.
    pub async fn nodes_joined(&self) -> anyhow::Result<()> {
        let wanted = self
            .worker
            .split(',')
            .filter(|word| *word != "none")
            .count();
        let asked = async {
            loop {
                if let Ok(page) = self.client.get::<serde_json::Value>("/api/v1/nodes").await {
                    let online = |node: &&serde_json::Value| node["status"] == "online";
                    let nodes = page["items"]
                        .as_array()
                        .map_or(0, |n| n.iter().filter(online).count());
                    if nodes >= wanted {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asked)
            .await
            .map_err(|_| anyhow::anyhow!("no worker joined:\n{}", self.log_tail()))
    }

    /// Kills the control plane as a power cut would; its log server and workers die or stay as
    /// they are made to.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().await?;
        }
        Ok(())
    }

    /// The process ids of this plane's processes whose command line holds `word`.
    ///
    /// # Errors
    /// When the processes cannot be listed.
    pub fn processes(&self, word: &str) -> anyhow::Result<Vec<u32>> {
        let home = self.home.path().to_string_lossy().into_owned();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let path = entry?.path();
            let Some(id) = path
                .file_name()
                .and_then(|name| name.to_str()?.parse::<u32>().ok())
            else {
                continue;
            };
            let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let environment = std::fs::read(path.join("environ")).unwrap_or_default();
            let holds = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
            if holds(&line, word) && (holds(&line, &home) || holds(&environment, &home)) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Kills every process of this plane whose command line holds `word`; returns how many.
    ///
    /// # Errors
    /// When the processes cannot be listed.
    pub fn kill_processes(&self, word: &str) -> anyhow::Result<usize> {
        let found = self.processes(word)?;
        for id in &found {
            if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(*id)?) {
                // It may have ended since it was listed.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        Ok(found.len())
    }

    /// Ends the control plane in good order.
    ///
    /// # Errors
    /// When it has not ended within a minute.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(());
        };
        if let Some(pid) = daemon
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let ended = tokio::time::timeout(Duration::from_secs(60), daemon.wait()).await;
        ended.map_err(|_| anyhow::anyhow!("nexusd did not end:\n{}", self.log_tail()))??;
        Ok(())
    }

    /// The command line tool, pointed at this plane.
    ///
    /// # Errors
    /// When it was not built.
    pub fn nexus(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binaries::binary("nexus")?);
        command
            .args(arguments)
            .env("NEXUS_HOME", self.home.path())
            .env("NO_COLOR", "1");
        Ok(command)
    }

    /// The stock OpenSSH client with everything it needs to log in on `port`.
    pub fn ssh(&self, port: u16, user: &str, command: &[&str]) -> Command {
        let login = format!("{user}@127.0.0.1");
        let mut ssh = tool::ssh(&self.key, &login, port);
        ssh.arg("--").args(command);
        ssh
    }

    fn runs(&self) -> bool {
        PROGRAMS
            .iter()
            .any(|word| self.processes(word).is_ok_and(|found| !found.is_empty()))
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("nexusd.log")
    }

    /// The end of the control plane's log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(60).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Plane {
    /// Leaves nothing running, whatever the test did; a failed test's log is printed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log_tail();
            eprint(&format!("--- the end of the server's log ---\n{log}"));
        }
        for word in PROGRAMS {
            let _ = self.kill_processes(word);
        }
        // Until they are gone they hold the ports, which the next plane is free to take.
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience && self.runs() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.worker.contains("docker")
            && let Err(error) = docker::clear(self.home.path())
        {
            eprint(&format!("left at the container engine: {error:#}"));
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a failed test shows what the server said, and any what it leaves behind"
)]
fn eprint(text: &str) {
    eprintln!("{text}");
}

/// Makes an SSH key without a passphrase at `path`.
///
/// # Errors
/// When `ssh-keygen` is missing or refuses.
pub async fn make_key(path: &Path) -> anyhow::Result<PublicKey> {
    let target = path.to_string_lossy().into_owned();
    tool::run(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", &target],
    )
    .await?
    .success()?;
    let line = std::fs::read_to_string(path.with_extension("pub"))?
        .trim()
        .to_owned();
    let shown = tool::run("ssh-keygen", &["-l", "-f", &target])
        .await?
        .success()?
        .stdout;
    let fingerprint = shown
        .split_whitespace()
        .nth(1)
        .context("ssh-keygen -l changed")?
        .to_owned();
    Ok(PublicKey { line, fingerprint })
}
