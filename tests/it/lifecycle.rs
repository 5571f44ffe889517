//! One workspace from asking for it to its removal, on each provider this machine has.

mod story;

use nexus_tests::plane::Plane;
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
