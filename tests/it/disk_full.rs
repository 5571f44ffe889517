//! A full disk: whoever asks is told at once, nothing is half done, and it heals by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_events::workspace::Phase;
use nexus_tests::disk::SmallDisk;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::require;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Room for a log and the least that has to stay free.
const MEBIBYTES: u64 = 384;
/// How long a refusal may take.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long healing may take once there is room.
const HEALED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_full_disk_below_the_log_is_told_and_heals() -> anyhow::Result<()> {
    let name = "a_full_disk_below_the_log_is_told_and_heals";
    require!(name, SmallDisk::possible(), "a small disk needs root");
    full("nats/store").await
}

#[tokio::test]
async fn a_full_disk_below_the_read_model_is_told_and_heals() -> anyhow::Result<()> {
    let name = "a_full_disk_below_the_read_model_is_told_and_heals";
    require!(name, SmallDisk::possible(), "a small disk needs root");
    full("read-model").await
}

async fn full(folder: &str) -> anyhow::Result<()> {
    let mut disk = SmallDisk::make(MEBIBYTES).await?;
    let plane = Plane::start_prepared("process", |home| disk.stands_at(&home.join(folder))).await?;
    let client = &plane.client;
    let kept = client
        .running(ALICE, "kept", json!({ "provider": "process" }))
        .await?;

    disk.fill()?;
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let body = json!({ "name": "refused", "spec": { "provider": "process" } });
    let stop = format!("/api/v1/workspaces/{}/stop", kept.id);
    for (path, body) in [(&path, &body), (&stop, &json!({}))] {
        let asked = Instant::now();
        let reply = client.send(Method::POST, path, Some(body)).await?;
        let took = asked.elapsed();
        ensure!(reply.status == StatusCode::SERVICE_UNAVAILABLE, "{reply:?}");
        ensure!(reply.body["code"] == "STORAGE_FULL", "{reply:?}");
        ensure!(took < AT_ONCE, "told after {took:?}");
    }
    // What is there is still shown, and who asks whether to send more is told not to.
    let view = client.workspace(kept.id, 0).await?;
    ensure!(view.phase == Phase::Running, "{:?}", view.phase);
    let ready = client.send(Method::GET, "/readyz", None).await?;
    ensure!(ready.status == StatusCode::SERVICE_UNAVAILABLE, "{ready:?}");

    disk.empty()?;
    healed(&plane).await?;
    // Nothing of what was refused is there, everything of what was accepted is, and it goes on.
    let page: Value = client.get("/api/v1/workspaces").await?;
    let names: Vec<&str> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|workspace| workspace["name"].as_str())
        .collect();
    ensure!(names == ["kept"], "{names:?}");
    client
        .running(ALICE, "refused", json!({ "provider": "process" }))
        .await?;
    client.changed(kept.id, "stop").await?;
    whole(&plane).await
}

async fn healed(plane: &Plane) -> anyhow::Result<()> {
    let ready = async {
        while plane.client.get::<Value>("/readyz").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(HEALED, ready)
        .await
        .with_context(|| format!("it does not heal\n{}", plane.log_tail()))
}

/// The log has no gap, and the read model all of it. The log's server is started again at some
/// moment after there is room, and says nothing meanwhile.
async fn whole(plane: &Plane) -> anyhow::Result<()> {
    let asked = async {
        loop {
            if let Ok(health) = plane.client.get::<Value>("/health").await {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let health = tokio::time::timeout(HEALED, asked)
        .await
        .context("no health")?;
    ensure!(health["checks"]["projection"] == "ok", "{health}");
    ensure!(health["lag"] == 0, "{health}");
    Ok(())
}
