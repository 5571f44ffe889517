//! `kill -9` of worker, control plane and log server at each step of a life: every operation still
//! ends, and what runs equals what the log says.

use anyhow::{Context as _, ensure};
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::Phase;
use nexus_tests::client::succeeded;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, repository, require};
use serde_json::json;

/// The events after which the victim dies, per verb.
const MOMENTS: [(&str, &[&str]); 4] = [
    (
        "create",
        &[
            "requested",
            "placed",
            "machine_ready",
            "repository_cloned",
            "service_changed",
        ],
    ),
    ("stop", &["stop_requested", "placed"]),
    ("start", &["start_requested", "placed", "machine_ready"]),
    ("delete", &["delete_requested", "placed"]),
];

#[tokio::test]
async fn kill_the_worker_at_each_step_on_process() -> anyhow::Result<()> {
    kill_everywhere("process", "nexus-worker").await
}

#[tokio::test]
async fn kill_the_control_plane_at_each_step_on_process() -> anyhow::Result<()> {
    kill_everywhere("process", "nexusd").await
}

#[tokio::test]
async fn kill_the_log_server_at_each_step_on_process() -> anyhow::Result<()> {
    kill_everywhere("process", "nats-server").await
}

#[tokio::test]
async fn kill_the_worker_at_each_step_on_docker() -> anyhow::Result<()> {
    on_docker("kill_the_worker_at_each_step_on_docker", "nexus-worker").await
}

#[tokio::test]
async fn kill_the_control_plane_at_each_step_on_docker() -> anyhow::Result<()> {
    on_docker("kill_the_control_plane_at_each_step_on_docker", "nexusd").await
}

#[tokio::test]
async fn kill_the_log_server_at_each_step_on_docker() -> anyhow::Result<()> {
    on_docker("kill_the_log_server_at_each_step_on_docker", "nats-server").await
}

async fn on_docker(test: &str, victim: &str) -> anyhow::Result<()> {
    let engine = docker::engine().await;
    require!(
        test,
        engine.is_some(),
        "no container engine answers on this machine"
    );
    let Some(engine) = engine else { return Ok(()) };
    require!(
        test,
        engine.has_image("nexus/base:latest").await,
        "no base image: ./dev image"
    );
    kill_everywhere("docker", victim).await
}

/// As many lives as the longest verb has moments; in each, the victim dies once per verb.
async fn kill_everywhere(provider: &str, victim: &str) -> anyhow::Result<()> {
    let mut plane = Plane::start(provider).await?;
    let config =
        "services:\n  web:\n    command: exec python3 -m http.server 3000\n    port: 3000\n";
    let url = repository::make(plane.home(), "web", &[(".nexus/config.yaml", config)]).await?;
    let repository = json!({ "owner": "local", "name": "web", "url": url });
    let spec = json!({ "provider": provider, "repository": repository });
    let rounds = MOMENTS
        .iter()
        .map(|(_, moments)| moments.len())
        .max()
        .unwrap_or(0);
    for round in 0..rounds {
        let name = format!("life-{round}");
        one_life(&mut plane, victim, round, &name, spec.clone())
            .await
            .with_context(|| format!("round {round}\n{}", plane.log_tail()))?;
    }
    Ok(())
}

/// One life, in which the victim dies once per verb, at the moment `round` of it.
async fn one_life(
    plane: &mut Plane,
    victim: &str,
    round: usize,
    name: &str,
    spec: serde_json::Value,
) -> anyhow::Result<()> {
    let client = plane.client.clone();
    let accepted = client.create(ALICE, name, spec).await?;
    let id = accepted.workspace;
    for (verb, moments) in MOMENTS {
        let accepted = match verb {
            "create" => accepted.clone(),
            _ => client.change(id, verb).await?,
        };
        let operation = accepted
            .operation
            .with_context(|| format!("{verb}: {:?}", accepted.reason))?;
        if let Some(moment) = moments.get(round) {
            client
                .until(
                    id,
                    accepted.sequence,
                    &format!("nexus.workspace.{moment}.v1"),
                )
                .await?;
            ensure!(
                plane.kill_processes(victim)? > 0,
                "no {victim} to kill at {moment}"
            );
            if victim == "nexusd" {
                plane.restart().await?;
            }
        }
        succeeded(client.ended(operation).await?).with_context(|| format!("{verb} of {name}"))?;
    }
    what_runs_is_what_the_log_says(plane, id).await
}

async fn what_runs_is_what_the_log_says(plane: &Plane, id: WorkspaceId) -> anyhow::Result<()> {
    ensure!(
        plane
            .client
            .workspace(id, 0)
            .await
            .map_or(true, |view| view.phase == Phase::Deleted),
        "deleted"
    );
    let inits = plane.processes("nexus-init")?;
    ensure!(
        inits.is_empty(),
        "init of a deleted workspace runs: {inits:?}"
    );
    if let Some(engine) = docker::engine().await {
        let containers = engine.containers(&id.to_string()).await?;
        ensure!(
            containers.is_empty(),
            "containers of a deleted workspace: {containers:?}"
        );
    }
    Ok(())
}
