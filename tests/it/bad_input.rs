//! Wrong requests that only a whole system can answer: each a clear failure, nothing left behind.
//!
//! The table of wrong requests that never get past the API is in
//! `control-plane/tests/http_bad_requests.rs`.

use anyhow::{Context as _, ensure};
use nexus_events::view::OperationState;
use nexus_events::workspace::{Phase, Step};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, repository, require};
use serde_json::{Value, json};

/// Asks for a workspace that cannot be, and checks what is said about it.
async fn fails(plane: &Plane, spec: Value, step: &Step, words: &[&str]) -> anyhow::Result<()> {
    let client = &plane.client;
    let accepted = client.create(ALICE, "wrong", spec.clone()).await?;
    let operation = accepted.operation.context("a create is an operation")?;
    let ended = client.ended(operation).await?;
    ensure!(ended.state == OperationState::Failed, "{spec}: {ended:#?}");
    let failure = ended.failure.context("a failed operation says why")?;
    ensure!(failure.step.as_ref() == Some(step), "{spec}: {failure:#?}");
    ensure!(!failure.hint.is_empty(), "{spec}: {failure:#?}");
    for word in words {
        ensure!(
            failure.cause.contains(word),
            "`{word}` is not in the cause: {failure:#?}"
        );
    }
    ensure!(
        client.workspace(accepted.workspace, 0).await?.phase == Phase::Failed,
        "failed"
    );
    client.changed(accepted.workspace, "delete").await?;
    Ok(())
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_named() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let repository =
        json!({ "owner": "local", "name": "nothing", "url": "file:///srv/nothing.git" });
    let spec = json!({ "provider": "process", "repository": repository });
    fails(&plane, spec, &Step::Clone, &["nothing"]).await
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_named() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let url = repository::make(plane.home(), "small", &[("README.md", "small")]).await?;
    let repository = json!({ "owner": "local", "name": "small", "url": url, "branch": "nowhere" });
    let spec = json!({ "provider": "process", "repository": repository });
    fails(&plane, spec, &Step::Clone, &["nowhere"]).await
}

/// Clones a repository whose configuration is wrong: the workspace is there to mend it in, and the
/// step that failed says what to mend.
async fn is_partial(config: &str, words: &[&str]) -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let url = repository::make(plane.home(), "wrong", &[(".nexus/config.yaml", config)]).await?;
    let repository = json!({ "owner": "local", "name": "wrong", "url": url });
    let client = &plane.client;
    let spec = json!({ "provider": "process", "repository": repository });
    let accepted = client.create(ALICE, "wrong", spec).await?;
    let ended = client
        .ended(accepted.operation.context("an operation")?)
        .await?;
    let failure = ended.steps.into_iter().find_map(|step| step.failure);
    let failure = failure.context("the step that failed says why")?;
    for word in words {
        ensure!(
            failure.cause.contains(word),
            "`{word}` is not in the cause: {failure:#?}"
        );
    }
    ensure!(failure.hint.contains(".nexus/config.yaml"), "{failure:#?}");
    let view = client.workspace(accepted.workspace, 0).await?;
    ensure!(view.partial && view.phase == Phase::Running, "{view:#?}");
    Ok(())
}

#[tokio::test]
async fn a_service_cycle_in_the_repository_is_spelled_out() -> anyhow::Result<()> {
    let service = |after: &str| format!("    command: sleep 1\n    depends_on: [{after}]\n");
    let config = format!("services:\n  a:\n{}  b:\n{}", service("b"), service("a"));
    is_partial(&config, &["circle", "a", "b"]).await
}

#[tokio::test]
async fn an_unknown_field_in_the_repository_s_config_is_named_with_its_line() -> anyhow::Result<()>
{
    is_partial(
        "services:\n  web:\n    comand: npm start\n",
        &["comand", "3"],
    )
    .await
}

#[tokio::test]
async fn a_service_that_never_becomes_healthy_makes_the_workspace_partial() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let client = &plane.client;
    let spec = json!({
        "provider": "process",
        "services": {
            "good": { "command": "exec sleep 1000" },
            "bad": { "command": "echo cannot start >&2; exit 3", "restart": "never" },
        },
    });
    let accepted = client.create(ALICE, "half", spec).await?;
    let ended = client
        .ended(accepted.operation.context("an operation")?)
        .await?;
    ensure!(ended.state == OperationState::Succeeded, "{ended:#?}");
    let view = client.workspace(accepted.workspace, 0).await?;
    ensure!(view.partial && view.phase == Phase::Running, "{view:#?}");
    let bad = &view.services[&"bad".parse()?];
    ensure!(
        bad.cause
            .as_deref()
            .is_some_and(|cause| cause.contains('3')),
        "{bad:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn docker_image_that_is_not_there_is_named() -> anyhow::Result<()> {
    const TEST: &str = "docker_image_that_is_not_there_is_named";
    require!(
        TEST,
        docker::engine().await.is_some(),
        "no container engine answers on this machine"
    );
    let plane = Plane::start("docker").await?;
    let spec = json!({ "provider": "docker", "image": "nexus/no-such-image:1" });
    fails(&plane, spec, &Step::Image, &["nexus/no-such-image:1"]).await
}

#[tokio::test]
async fn a_provider_without_a_worker_is_refused_and_nothing_is_claimed() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let body = json!({ "name": "far", "spec": { "provider": "fly" } });
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let reply = plane
        .client
        .send(reqwest::Method::POST, &path, Some(&body))
        .await?;
    ensure!(
        reply.status.as_u16() == 409 && reply.body["code"] == "NO_WORKER",
        "{reply:?}"
    );
    ensure!(
        reply.body["hint"]
            .as_str()
            .is_some_and(|hint| !hint.is_empty()),
        "{reply:?}"
    );
    let spec = json!({ "provider": "process" });
    let accepted = plane
        .client
        .create(ALICE, "far", spec)
        .await
        .context("the name is free")?;
    plane
        .client
        .ended(accepted.operation.context("an operation")?)
        .await?;
    Ok(())
}

#[tokio::test]
async fn with_the_log_stopped_reads_go_on_and_writes_say_so() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let servers = plane.processes("nats-server")?;
    ensure!(servers.len() == 1, "one log server: {servers:?}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(servers[0])?).context("a pid")?;
    rustix::process::kill_process(pid, rustix::process::Signal::STOP)?;
    let body = json!({ "name": "later", "spec": { "provider": "process" } });
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let write = plane
        .client
        .send(reqwest::Method::POST, &path, Some(&body))
        .await;
    let read = plane
        .client
        .send(reqwest::Method::GET, "/api/v1/workspaces", None)
        .await;
    rustix::process::kill_process(pid, rustix::process::Signal::CONT)?;
    let (write, read) = (write?, read?);
    ensure!(
        write.status.as_u16() == 503 && write.body["code"] == "LOG_UNAVAILABLE",
        "{write:?}"
    );
    ensure!(read.status.is_success(), "{read:?}");
    Ok(())
}
