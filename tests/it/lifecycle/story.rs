//! The story each provider must be able to tell.

use anyhow::{Context as _, ensure};
use nexus_events::view::WorkspaceView;
use nexus_events::workspace::{Phase, ServiceStatus};
use nexus_tests::client::succeeded;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, repository, tool};

pub(crate) async fn tell(mut plane: Plane, provider: &str) -> anyhow::Result<()> {
    let client = plane.client.clone();
    let work = plane.home().join("sample");
    copy(&repository::sample(), &work)?;
    let address = repository::publish(plane.home(), "hello", &work).await?;
    let spec = serde_json::json!({
        "provider": provider,
        "repository": { "owner": "local", "name": "hello", "url": address },
    });

    let accepted = client.create(ALICE, "hello", spec).await?;
    let id = accepted.workspace;
    let created = accepted.operation.context("a create is an operation")?;
    succeeded(client.ended(created).await?)?;

    let view = client.workspace(id, 0).await?;
    ensure!(view.phase == Phase::Running && !view.partial, "{view:#?}");
    let commit = view
        .repository
        .as_ref()
        .and_then(|repository| repository.commit.clone());
    ensure!(
        commit == Some(repository::head(&address).await?),
        "another commit: {commit:?}"
    );
    services_answer(&view).await?;

    let ssh = view
        .ssh
        .clone()
        .context("a running workspace has an SSH address")?;
    let hello =
        tool::finish(plane.ssh(ssh.port, &ssh.user, &["echo kept > note; pwd; exit 7"])).await?;
    ensure!(
        hello.code == Some(7),
        "the exit code comes through: {hello:?}"
    );
    ensure!(
        hello.stdout.trim() == "/home/dev",
        "a shell starts at home: {hello:?}"
    );

    client.changed(id, "stop").await?;
    ensure!(
        client.workspace(id, 0).await?.phase == Phase::Stopped,
        "stopped"
    );
    client.changed(id, "start").await?;
    let view = client.workspace(id, 0).await?;
    services_answer(&view).await?;
    let ssh = view
        .ssh
        .clone()
        .context("a running workspace has an SSH address")?;
    let kept = tool::finish(plane.ssh(ssh.port, &ssh.user, &["cat note"]))
        .await?
        .success()?;
    ensure!(
        kept.stdout == "kept\n",
        "the home outlives a stop: {kept:?}"
    );

    client.changed(id, "delete").await?;
    nothing_is_left(&plane, provider, &id.to_string()).await?;
    let gone = client
        .send(reqwest::Method::GET, "/api/v1/workspaces?name=hello", None)
        .await?;
    ensure!(gone.body["items"] == serde_json::json!([]), "{}", gone.body);
    plane.stop().await?;
    let running = plane.processes("nexus")?;
    ensure!(running.is_empty(), "left running: {running:?}");
    Ok(())
}

async fn services_answer(view: &WorkspaceView) -> anyhow::Result<()> {
    ensure!(
        view.services.len() == 2,
        "two services: {:#?}",
        view.services
    );
    for (name, service) in &view.services {
        ensure!(
            service.status == ServiceStatus::Running,
            "{name}: {service:#?}"
        );
        let url = service
            .url
            .clone()
            .with_context(|| format!("{name} has an address"))?;
        let reply = reqwest::Client::builder()
            .no_proxy()
            .build()?
            .get(&url)
            .send()
            .await?;
        ensure!(
            reply.status().is_success(),
            "{name} at {url}: {}",
            reply.status()
        );
    }
    Ok(())
}

async fn nothing_is_left(plane: &Plane, provider: &str, workspace: &str) -> anyhow::Result<()> {
    let inits = plane.processes("nexus-init")?;
    ensure!(
        inits.is_empty(),
        "init of a deleted workspace runs: {inits:?}"
    );
    if provider == "docker"
        && let Some(engine) = docker::engine().await
    {
        let containers = engine.containers(workspace).await?;
        ensure!(
            containers.is_empty(),
            "containers of a deleted workspace: {containers:?}"
        );
        let volumes = engine.volumes(workspace).await?;
        ensure!(
            volumes.is_empty(),
            "volumes of a deleted workspace: {volumes:?}"
        );
    }
    Ok(())
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(std::fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
