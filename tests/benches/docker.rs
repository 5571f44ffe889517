//! P1 to P4 and P21: Docker workspaces against the engine's own command line.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use nexus_events::id::WorkspaceId;
use nexus_tests::measure::{
    Times, limit_row, milliseconds, proportional_memory, ratio_row, skipped_row, wanted,
};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, tool};
use serde_json::json;

const IMAGE: &str = "nexus/base:latest";
const ROUNDS: usize = 7;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rows = ["P1", "P2", "P3", "P4", "P21"];
    if !rows.iter().any(|row| wanted(row)) {
        return Ok(());
    }
    let usable = match docker::engine().await {
        Some(engine) => engine.has_image(IMAGE).await,
        None => false,
    };
    if !usable {
        rows.iter()
            .for_each(|row| skipped_row(row, "no container engine with the base image"));
        return Ok(());
    }
    let plane = Plane::start("docker").await?;
    let floor = Floor::new(plane.home()).await?;
    if wanted("P1") || wanted("P3") || wanted("P21") {
        one_after_another(&plane, &floor).await?;
    }
    if wanted("P2") {
        first_login(&plane, &floor).await?;
    }
    if wanted("P4") {
        twenty_at_once(&plane, &floor).await?;
    }
    Ok(())
}

async fn create(plane: &Plane, name: &str) -> anyhow::Result<WorkspaceId> {
    let accepted = plane
        .client
        .create(ALICE, name, json!({ "provider": "docker" }))
        .await?;
    let ready = "nexus.workspace.machine_ready.v1";
    plane
        .client
        .until(accepted.workspace, accepted.sequence, ready)
        .await?;
    exec(plane, accepted.workspace).await?;
    Ok(accepted.workspace)
}

async fn exec(plane: &Plane, id: WorkspaceId) -> anyhow::Result<()> {
    let path = format!("/api/v1/workspaces/{id}/exec");
    let body = json!({ "argv": ["true"] });
    let reply = plane
        .client
        .request(reqwest::Method::POST, &path)
        .json(&body)
        .send()
        .await?;
    let text = reply.text().await?;
    ensure!(text.contains(r#""exit":{"code":0}"#), "{text}");
    Ok(())
}

async fn start(plane: &Plane, id: WorkspaceId) -> anyhow::Result<()> {
    let accepted = plane.client.change(id, "start").await?;
    let ready = "nexus.workspace.machine_ready.v1";
    plane.client.until(id, accepted.sequence, ready).await?;
    exec(plane, id).await
}

async fn one_after_another(plane: &Plane, floor: &Floor) -> anyhow::Result<()> {
    let (mut raw, mut ours) = (Times::default(), Times::default());
    let (mut raw_start, mut our_start) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        let name = format!("raw-{round}");
        raw.of(floor.run(&name, &["sleep", "1000"])).await?;
        floor.stop(&name).await?;
        raw_start.of(floor.start(&name)).await?;
        floor.remove(&name).await?;
        let id = ours.of(create(plane, &format!("p1-{round}"))).await?;
        plane.client.changed(id, "stop").await?;
        our_start.of(start(plane, id)).await?;
        if round == 0 && wanted("P21") {
            memory(floor, id).await?;
        }
        plane.client.changed(id, "delete").await?;
    }
    let row = |id, raw: &Times, ours: &Times| {
        ratio_row(
            id,
            milliseconds(raw.median()),
            milliseconds(ours.median()),
            "ms",
            1.0,
        );
    };
    row("P1", &raw, &ours);
    row("P3", &raw_start, &our_start);
    Ok(())
}

/// P21: what one idle workspace adds, against a container with an sshd.
async fn memory(floor: &Floor, id: WorkspaceId) -> anyhow::Result<()> {
    floor.run_sshd("raw-sshd").await?;
    let raw = floor.memory("raw-sshd").await?;
    floor.remove("raw-sshd").await?;
    let container = docker::engine()
        .await
        .context("an engine")?
        .containers(&id.to_string())
        .await?;
    let name = container
        .first()
        .context("a container")?
        .0
        .trim_start_matches('/')
        .to_owned();
    let ours = floor.memory(&name).await?;
    ratio_row("P21", raw, ours, "MiB", 0.5);
    Ok(())
}

/// P2: until a stock client's first command has run.
async fn first_login(plane: &Plane, floor: &Floor) -> anyhow::Result<()> {
    let (mut raw, mut ours) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        let name = format!("raw-ssh-{round}");
        raw.of(async {
            let address = floor.run_sshd(&name).await?;
            login(|| floor.ssh(&address)).await
        })
        .await?;
        floor.remove(&name).await?;
        let id = ours
            .of(async {
                let spec = json!({ "provider": "docker" });
                let accepted = plane
                    .client
                    .create(ALICE, &format!("p2-{round}"), spec)
                    .await?;
                let port = plane
                    .client
                    .workspace(accepted.workspace, accepted.sequence)
                    .await?;
                let port = port.ssh.context("a port from the pool")?.port;
                login(|| plane.ssh(port, "dev", &["true"])).await?;
                anyhow::Ok(accepted.workspace)
            })
            .await?;
        plane.client.changed(id, "delete").await?;
    }
    ratio_row(
        "P2",
        milliseconds(raw.median()),
        milliseconds(ours.median()),
        "ms",
        1.0,
    );
    Ok(())
}

/// Tries until it works, as a person's script would.
async fn login(mut ssh: impl FnMut() -> tokio::process::Command) -> anyhow::Result<()> {
    for _ in 0..600 {
        if tool::finish(ssh()).await?.code == Some(0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("no login within the time of 600 tries")
}

/// P4: twenty at once, none may fail.
async fn twenty_at_once(plane: &Plane, floor: &Floor) -> anyhow::Result<()> {
    let names: Vec<String> = (0..20).map(|number| format!("many-{number}")).collect();
    let (mut raw, mut ours) = (Times::default(), Times::default());
    raw.of(try_join_all(
        names.iter().map(|name| floor.run(name, &["sleep", "1000"])),
    ))
    .await?;
    try_join_all(names.iter().map(|name| floor.remove(name))).await?;
    let ids = ours
        .of(try_join_all(names.iter().map(|name| create(plane, name))))
        .await?;
    try_join_all(ids.into_iter().map(|id| plane.client.changed(id, "delete"))).await?;
    limit_row(
        "P4",
        milliseconds(raw.median()),
        milliseconds(ours.median()),
        "ms",
        milliseconds(raw.median()),
    );
    Ok(())
}

/// The engine's own command line, with names that nothing else uses.
struct Floor {
    prefix: String,
    key: std::path::PathBuf,
    public: String,
}

impl Floor {
    async fn new(home: &Path) -> anyhow::Result<Self> {
        let key = home.join("id_floor");
        let public = nexus_tests::plane::make_key(&key).await?.line;
        Ok(Self {
            prefix: format!("nexus-floor-{}-", std::process::id()),
            key,
            public,
        })
    }

    async fn docker(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let program = std::env::var("NEXUS_DOCKER_CLIENT").unwrap_or_else(|_| "docker".into());
        Ok(tool::run(program, arguments).await?.success()?.stdout)
    }

    /// `docker run` and `docker exec`.
    async fn run(&self, name: &str, command: &[&str]) -> anyhow::Result<()> {
        let name = format!("{}{name}", self.prefix);
        self.docker(&[&["run", "-d", "--name", &name, IMAGE], command].concat())
            .await?;
        self.docker(&["exec", &name, "true"]).await?;
        Ok(())
    }

    async fn start(&self, name: &str) -> anyhow::Result<()> {
        let name = format!("{}{name}", self.prefix);
        self.docker(&["start", &name]).await?;
        self.docker(&["exec", &name, "true"]).await?;
        Ok(())
    }

    async fn stop(&self, name: &str) -> anyhow::Result<()> {
        self.docker(&["stop", "-t", "0", &format!("{}{name}", self.prefix)])
            .await?;
        Ok(())
    }

    async fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.docker(&["rm", "-f", &format!("{}{name}", self.prefix)])
            .await?;
        Ok(())
    }

    /// A container with an sshd; its address.
    async fn run_sshd(&self, name: &str) -> anyhow::Result<String> {
        let name = format!("{}{name}", self.prefix);
        let script = "mkdir -p /run/sshd /home/dev/.ssh && echo \"$KEY\" > /home/dev/.ssh/authorized_keys \
            && chown -R dev: /home/dev/.ssh && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key \
            && exec /usr/sbin/sshd -D -e";
        let key = format!("KEY={}", self.public);
        self.docker(&[
            "run", "-d", "--name", &name, "-e", &key, IMAGE, "sh", "-c", script,
        ])
        .await?;
        let format = "{{.NetworkSettings.IPAddress}}";
        Ok(self
            .docker(&["inspect", "-f", format, &name])
            .await?
            .trim()
            .to_owned())
    }

    fn ssh(&self, address: &str) -> tokio::process::Command {
        let mut ssh = tool::ssh(&self.key, &format!("dev@{address}"), 22);
        ssh.args(["--", "true"]);
        ssh
    }

    /// Proportional memory of everything in a container, in MiB.
    async fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let full = if name.starts_with("raw-") {
            format!("{}{name}", self.prefix)
        } else {
            name.into()
        };
        let top = self.docker(&["top", &full, "-eo", "pid"]).await?;
        let pids = top
            .lines()
            .skip(1)
            .filter_map(|line| line.trim().parse().ok());
        let kib: u64 = pids.filter_map(proportional_memory).sum();
        Ok(kib as f64 / 1024.0)
    }
}
