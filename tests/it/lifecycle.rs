//! One workspace from asking for it to its removal, on each provider this machine has.

mod story;

use anyhow::{Context as _, ensure};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, require};

#[tokio::test]
async fn process_workspace_lives_its_life() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    story::tell(plane, "process").await
}

#[tokio::test]
async fn docker_workspace_lives_its_life() -> anyhow::Result<()> {
    const TEST: &str = "docker_workspace_lives_its_life";
    let engine = docker::engine().await;
    require!(
        TEST,
        engine.is_some(),
        "no container engine answers on this machine"
    );
    let Some(engine) = engine else { return Ok(()) };
    require!(
        TEST,
        engine.has_image("nexus/base:latest").await,
        "no base image: ./dev image"
    );
    let plane = Plane::start("docker").await?;
    story::tell(plane, "docker").await
}

#[tokio::test]
async fn a_docker_scenario_that_breaks_off_leaves_nothing_at_the_engine() -> anyhow::Result<()> {
    const TEST: &str = "a_docker_scenario_that_breaks_off_leaves_nothing_at_the_engine";
    require!(
        TEST,
        docker::is_usable().await,
        "no container engine with the base image (./dev image)"
    );
    let engine = docker::engine().await.context("it answered just now")?;
    let plane = Plane::start("docker").await?;
    let spec = serde_json::json!({ "provider": "docker" });
    let workspace = plane.client.running(ALICE, "broken-off", spec).await?;
    let workspace = workspace.id.to_string();
    ensure!(engine.containers(&workspace).await?.len() == 1);
    ensure!(engine.volumes("broken-off").await?.len() == 1);
    drop(plane);
    ensure!(engine.containers(&workspace).await?.is_empty());
    ensure!(engine.volumes("broken-off").await?.is_empty());
    Ok(())
}
