//! A whole Nexus on three servers: as the handbook has it made, and while a server is lost.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_nats::testing::Trio;
use nexus_nats::{Bus, Role};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::skip::skipped;
use nexus_tests::tail::{Carrier, Place, Tail};
use nexus_tests::{binaries, tool};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How soon a write is accepted again after the leader is gone.
const RESUMED: Duration = Duration::from_secs(10);

/// The lines between the first ```` ```sh ```` and its end.
fn commands(handbook: &str) -> Vec<&str> {
    let shell = handbook.lines().skip_while(|line| *line != "```sh").skip(1);
    shell.take_while(|line| *line != "```").collect()
}

#[tokio::test]
async fn the_ten_commands_of_the_readme_work() -> anyhow::Result<()> {
    const TEST: &str = "the_ten_commands_of_the_readme_work";
    if let Some(reason) = Trio::missing() {
        skipped(TEST, reason);
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let handbook = std::fs::read_to_string(root.join("nats/deploy/README.md"))?;
    let commands = commands(&handbook);
    ensure!(commands.len() == 10, "{commands:#?}");

    let folder = tempfile::Builder::new().prefix("nexus-ten-").tempdir()?;
    // A machine of its own as far as addresses go; what was started ends with the shell.
    let script = format!(
        "set -e\nip link set lo up\ntrap 'nexus daemon stop; kill $(jobs -p); wait' EXIT\n{}\n\
         for try in $(seq 200); do nexus node list --output json | grep -q online && break; sleep 0.1; done\n\
         nexus node list --output json\nnexus workspace delete hello --yes\n",
        commands.join("\n")
    );
    let server = std::env::var_os("NEXUS_NATS_SERVER").context("NEXUS_NATS_SERVER is not set")?;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    std::os::unix::fs::symlink(server, bin.join("nats-server"))?;
    let outside = std::env::var_os("PATH").unwrap_or_default();
    let path = [bin, binaries::folder()?]
        .into_iter()
        .chain(std::env::split_paths(&outside));
    let mut shell = Command::new("unshare");
    shell
        .args(["--net", "bash", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", std::env::join_paths(path)?)
        .env("NEXUS_HOME", folder.path().join("home"))
        .env("NEXUS_BIN_DIR", binaries::folder()?)
        .stdin(Stdio::null());
    let ran = tool::finish(shell).await?;
    let said = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        format!("--- {name}\n{text}")
    };
    let logs = [
        "home/daemon.log",
        "worker.log",
        "cluster/nodes/a/server.log",
    ]
    .map(said);
    let ran = ran.success().with_context(|| logs.join("\n"))?;
    ensure!(
        ran.stdout.contains("online"),
        "{}\n{}",
        ran.stdout,
        logs.join("\n")
    );
    Ok(())
}

#[test]
fn reads_go_on_and_writes_resume_when_the_leader_is_killed_in_a_cluster() -> anyhow::Result<()> {
    const TEST: &str = "reads_go_on_and_writes_resume_when_the_leader_is_killed_in_a_cluster";
    if let Some(reason) = Trio::missing() {
        skipped(TEST, reason);
        return Ok(());
    }
    let mut trio = Trio::start(&["here"])?;
    trio.enter()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime
        .block_on(live(&mut trio))
        .with_context(|| trio.logs())
}

/// What `nats.env` says to a control plane that starts a worker as well.
fn environment(trio: &Trio) -> anyhow::Result<Vec<(String, String)>> {
    let mut environment = trio.files().environment("control-plane")?;
    for (key, value) in trio.files().environment("worker-here")? {
        match key.as_str() {
            "NEXUS_NATS_CREDS" => environment.push(("NEXUS_NATS_WORKER_CREDS".to_owned(), value)),
            "NEXUS_NODE" => environment.push((key, value)),
            _ => {}
        }
    }
    Ok(environment)
}

async fn live(trio: &mut Trio) -> anyhow::Result<()> {
    let environment = environment(trio)?;
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let plane = Plane::start_with("process", &environment).await?;
    let bus = Bus::connect(trio.options("control-plane", Role::ControlPlane)).await?;
    whole(trio, &bus).await?;
    let view = plane
        .client
        .running(ALICE, "spread", json!({ "provider": "process" }))
        .await?;

    let reading = Reading::start(&plane);
    let (tails, end) = follow(&plane)?;
    let (mut worst, mut last) = (Duration::ZERO, 0);
    for round in 0..3 {
        whole(trio, &bus).await?;
        let leader = trio.leader(&bus).await.context("a leader")?;
        trio.kill(leader);
        let began = Instant::now();
        let body = json!({ "user": plane.user_id(ALICE).await?, "scope": "user" });
        let mut refusals = Vec::new();
        loop {
            let request = plane.client.request(Method::POST, "/api/v1/tokens");
            let request = request.header("Idempotency-Key", format!("round-{round}"));
            let reply = request
                .timeout(Duration::from_secs(30))
                .json(&body)
                .send()
                .await?;
            if reply.status() == StatusCode::CREATED {
                let sequence = reply.headers().get("x-nexus-sequence");
                last = sequence.context("a sequence")?.to_str()?.parse()?;
                break;
            }
            refusals.push(format!("{}: {}", reply.status(), reply.text().await?));
            ensure!(began.elapsed() < Duration::from_secs(60), "{refusals:#?}");
        }
        let silence = began.elapsed();
        said(&format!(
            "leader {leader} killed: the next write was accepted after {silence:.1?}"
        ));
        worst = worst.max(silence);
        trio.heal()?;
    }
    let read = reading.end().await?;
    end.send_replace(last);
    for tail in tails.join_all().await {
        tail?;
    }
    said(&format!(
        "{read} reads meanwhile, none failed; longest wait of a write {worst:.1?}"
    ));
    ensure!(worst <= RESUMED, "a write waited for {worst:?}");

    // Life goes on: the worker takes commands, the machine is where it was.
    whole(trio, &bus).await?;
    plane.client.changed(view.id, "stop").await?;
    plane.client.changed(view.id, "delete").await?;
    Ok(())
}

/// Tails that have every event once, in order, until they have the one that is sent.
fn follow(plane: &Plane) -> anyhow::Result<(JoinSet<anyhow::Result<()>>, watch::Sender<u64>)> {
    let (end, goal) = watch::channel(u64::MAX);
    let place = Place::socket(&plane.home().join("daemon.sock"))?;
    let mut tails = JoinSet::new();
    for carrier in [Carrier::Sse, Carrier::WebSocket] {
        let (mut tail, goal) = (Tail::new(&place, carrier), goal.clone());
        tails.spawn(async move { tail.follow(goal).await });
    }
    Ok((tails, end))
}

#[expect(clippy::print_stdout, reason = "the figures of this run")]
fn said(text: &str) {
    println!("{text}");
}

async fn whole(trio: &Trio, bus: &Bus) -> anyhow::Result<()> {
    let wait = async {
        while !trio.is_whole(bus).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let whole = tokio::time::timeout(Duration::from_secs(60), wait).await;
    whole.context("the cluster is not whole within a minute")
}

/// Somebody who looks at the list of workspaces all the time.
struct Reading {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Reading {
    fn start(plane: &Plane) -> Self {
        let (stop, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = plane.client.clone();
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let page: Value = client.get("/api/v1/workspaces").await?;
                ensure!(page["items"][0]["name"] == "spread", "{page}");
                let spent = began.elapsed();
                ensure!(spent < Duration::from_secs(5), "a read took {spent:?}");
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        });
        Self { stop, count, task }
    }

    async fn end(self) -> anyhow::Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        let count = self.count.load(Ordering::Relaxed);
        ensure!(count > 100, "only {count} reads");
        Ok(count)
    }
}
