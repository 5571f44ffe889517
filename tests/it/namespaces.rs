//! A worker on another host: where nothing of it is reachable, all goes over its own connection;
//! where a port is, streams go there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::view::WorkspaceView;
use nexus_tests::client::{Client, succeeded};
use nexus_tests::hosts::{CONTROL, Host, Hosts, WORKER, spawn};
use nexus_tests::plane::{ALICE, make_key};
use nexus_tests::{binaries, require, tool};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// The only port that is open, on the control plane's host.
const NATS: u16 = 4222;
/// Where a worker listens for the link, when it does.
const LINK: u16 = 7443;
/// Bytes sent each way through the relay.
const BULK: usize = 16 << 20;

/// Both hosts with all that runs on them; what was started last ends first.
struct Apart {
    worker: Child,
    _control: Child,
    _nats: Child,
    hosts: Hosts,
    home: TempDir,
    client: Client,
    key: PathBuf,
}

impl Apart {
    /// The worker is told this, too.
    async fn start(worker_arguments: &[&str]) -> anyhow::Result<Self> {
        let hosts = Hosts::make(NATS).await?;
        let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        let (control, worker) = (home.path().join("control"), home.path().join("worker"));
        std::fs::create_dir(&control)?;
        std::fs::create_dir(&worker)?;

        let nats = spawn(
            nats_server(&hosts, home.path()),
            &home.path().join("nats.log"),
        )?;
        let daemon = spawn(
            nexusd(&hosts, &control, &worker)?,
            &home.path().join("nexusd.log"),
        )?;
        let mut command = nexus_worker(&hosts, &worker)?;
        command.args(worker_arguments);
        let worker = spawn(command, &home.path().join("worker.log"))?;
        let client = Client::local(&control.join("daemon.sock"))?;
        let key = home.path().join("id_alice");
        let apart = Self {
            worker,
            _control: daemon,
            _nats: nats,
            hosts,
            home,
            client,
            key,
        };
        apart.ready().await?;
        let public = make_key(&apart.key).await?;
        apart.client.register(ALICE, 1, &public).await?;
        Ok(apart)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let joined = async {
            loop {
                if let Ok(nodes) = self.client.get::<Value>("/api/v1/nodes").await
                    && nodes["items"][0]["status"] == "online"
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), joined)
            .await
            .map_err(|_| anyhow::anyhow!("no worker joined:\n{}", self.logs()))
    }

    /// The command line, on the control plane's host.
    fn nexus(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = self
            .hosts
            .command(Host::Control, binaries::binary("nexus")?);
        command
            .args(arguments)
            .env("NEXUS_HOME", self.home.path().join("control"))
            .env("NO_COLOR", "1");
        Ok(command)
    }

    /// A workspace `far`, running.
    async fn create(&self) -> anyhow::Result<WorkspaceView> {
        let spec = json!({ "provider": "process" });
        let accepted = self.client.create(ALICE, "far", spec).await?;
        let operation = accepted.operation.context("an operation")?;
        succeeded(self.client.ended(operation).await?).with_context(|| self.logs())?;
        self.client.workspace(accepted.workspace, 0).await
    }

    /// A command in it does what it does here.
    async fn runs_commands(&self) -> anyhow::Result<()> {
        let script = "echo out; echo err >&2; exit 3";
        let run = ["workspace", "exec", "far", "--", "sh", "-c", script];
        let ran = tool::finish(self.nexus(&run)?).await?;
        ensure!(
            (ran.code, ran.stdout.as_str()) == (Some(3), "out\n") && ran.stderr.contains("err"),
            "{ran:?}\n{}",
            self.logs()
        );
        Ok(())
    }

    /// How many streams went this way, as the control plane counts.
    async fn streams(&self, way: &str) -> anyhow::Result<u64> {
        let figures = self.client.request(Method::GET, "/metrics");
        let figures = figures.send().await?.error_for_status()?.text().await?;
        let name = format!("nexus_link_streams_total{{way=\"{way}\"}} ");
        let mut counts = figures.lines().filter_map(|line| line.strip_prefix(&name));
        // What never happened is not counted.
        Ok(counts.next().map_or(Ok(0), str::parse)?)
    }

    fn logs(&self) -> String {
        let end = |name: &str| {
            let text = std::fs::read_to_string(self.home.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(20).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            format!("--- {name}\n{}", lines.join("\n"))
        };
        ["nexusd.log", "worker.log"].map(end).join("\n")
    }
}

fn nats_server(hosts: &Hosts, home: &Path) -> Command {
    let program = std::env::var_os("NEXUS_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
    let mut command = hosts.command(Host::Control, program);
    let port = NATS.to_string();
    command.args(["--jetstream", "--addr", CONTROL, "--port", &port]);
    command.arg("--store_dir").arg(home.join("nats"));
    command
}

fn nexusd(hosts: &Hosts, home: &Path, hidden: &Path) -> anyhow::Result<Command> {
    let mut command = hosts.command_without(Host::Control, hidden, binaries::binary("nexusd")?);
    command
        .args(["daemon", "--listen", "127.0.0.1:0", "--worker", "none"])
        .args(["--ssh-listen", "off"])
        .env("NEXUS_HOME", home)
        // The cable is between two namespaces of one machine; TLS is `cluster`'s.
        .env("NEXUS_NATS_PLAINTEXT", "true")
        .env("NEXUS_NATS_URL", format!("nats://{CONTROL}:{NATS}"));
    Ok(command)
}

fn nexus_worker(hosts: &Hosts, home: &Path) -> anyhow::Result<Command> {
    let mut command = hosts.command(Host::Worker, binaries::binary("nexus-worker")?);
    command
        .args(["--provider", "process"])
        .env("NEXUS_HOME", home)
        .env("NEXUS_BIN_DIR", binaries::folder()?)
        // The cable is between two namespaces of one machine; TLS is `cluster`'s.
        .env("NEXUS_NATS_PLAINTEXT", "true")
        .env("NEXUS_NATS_URL", format!("nats://{CONTROL}:{NATS}"));
    Ok(command)
}

#[tokio::test]
async fn a_workspace_behind_a_worker_that_only_calls_out_is_reached_in_every_way()
-> anyhow::Result<()> {
    let name = "a_workspace_behind_a_worker_that_only_calls_out_is_reached_in_every_way";
    require!(
        name,
        Hosts::possible(),
        "network namespaces need root, ip, iptables and nsenter"
    );
    let mut apart = Apart::start(&[]).await?;
    let view = apart.create().await?;
    let port = view.ssh.context("an SSH address")?.port;
    ensure!(
        !apart.hosts.reaches(Host::Control, WORKER, port).await?,
        "the worker takes calls"
    );
    ensure!(
        apart.hosts.reaches(Host::Worker, CONTROL, NATS).await?,
        "the log is out of reach"
    );

    apart.runs_commands().await?;
    bulk_goes_both_ways(&apart)
        .await
        .with_context(|| apart.logs())?;
    let (relayed, by_tls) = (apart.streams("relay").await?, apart.streams("tls").await?);
    ensure!(
        relayed > 0 && by_tls == 0,
        "{relayed} relayed, {by_tls} by TLS"
    );

    // The worker's end is told, and who connects afterwards is told why it does not work.
    apart.worker.kill().await?;
    let run = ["workspace", "exec", "far", "--", "true"];
    let refused = tool::finish(apart.nexus(&run)?).await?;
    ensure!(refused.code != Some(0), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_listens_is_reached_past_nats_until_the_way_is_cut() -> anyhow::Result<()> {
    let name = "a_worker_that_listens_is_reached_past_nats_until_the_way_is_cut";
    require!(
        name,
        Hosts::possible(),
        "network namespaces need root, ip, iptables and nsenter"
    );
    let listen = format!("{WORKER}:{LINK}");
    let apart = Apart::start(&["--link-listen", &listen]).await?;
    apart.hosts.open(Host::Worker, LINK).await?;
    apart.create().await?;
    apart.runs_commands().await?;
    bulk_goes_both_ways(&apart)
        .await
        .with_context(|| apart.logs())?;
    let (relayed, by_tls) = (apart.streams("relay").await?, apart.streams("tls").await?);
    ensure!(
        by_tls > 0 && relayed == 0,
        "{by_tls} by TLS, {relayed} relayed\n{}",
        apart.logs()
    );

    // Whoever comes next notices nothing.
    apart.hosts.cut(Host::Worker, LINK).await?;
    ensure!(
        !apart.hosts.reaches(Host::Control, WORKER, LINK).await?,
        "the way is open still"
    );
    apart.runs_commands().await?;
    bulk_goes_both_ways(&apart)
        .await
        .with_context(|| apart.logs())?;
    let (relayed, no_more) = (apart.streams("relay").await?, apart.streams("tls").await?);
    ensure!(
        relayed > 0 && no_more == by_tls,
        "{relayed} relayed, {no_more} by TLS after {by_tls}\n{}",
        apart.logs()
    );
    Ok(())
}

/// Over stock OpenSSH: what arrives inside, and what comes back, is what was sent.
async fn bulk_goes_both_ways(apart: &Apart) -> anyhow::Result<()> {
    let bytes: Vec<u8> = (0..BULK).map(|n| (n * 31 % 251) as u8).collect();
    let proxy = format!(
        "ProxyCommand=env NEXUS_HOME={} {} ssh --stdio far",
        apart.home.path().join("control").display(),
        binaries::binary("nexus")?.display()
    );
    let mut ssh = apart.hosts.command(Host::Control, "ssh");
    ssh.args([
        "-F",
        "none",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
    ])
    .args([
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ])
    .args(["-o", "LogLevel=ERROR", "-o", &proxy])
    .arg("-i")
    .arg(&apart.key)
    .args(["dev@far", "--", "tee /tmp/bulk | sha256sum; cat /tmp/bulk"])
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .kill_on_drop(true);
    let mut child = ssh.spawn()?;
    let mut input = child.stdin.take().context("its input")?;
    let sent = bytes.clone();
    let sending = tokio::spawn(async move { input.write_all(&sent).await });
    let done = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output()).await??;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "ssh: {} {said}", done.status);
    sending.await??;
    let end = done
        .stdout
        .iter()
        .position(|byte| *byte == b'\n')
        .context("a digest")?;
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ensure!(
        done.stdout[..end].starts_with(digest.as_bytes()),
        "other bytes arrived inside"
    );
    ensure!(done.stdout[end + 1..] == bytes, "other bytes came back");
    Ok(())
}
