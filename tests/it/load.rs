//! Many at once.

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use nexus_events::workspace::Phase;
use nexus_tests::client::succeeded;
use nexus_tests::plane::{ALICE, Plane};
use serde_json::json;

#[tokio::test]
async fn twenty_workspaces_at_once_come_up_and_go() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let client = &plane.client;
    let spec = json!({ "provider": "process" });
    let names: Vec<String> = (0..20).map(|number| format!("many-{number}")).collect();
    let accepted = try_join_all(
        names
            .iter()
            .map(|name| client.create(ALICE, name, spec.clone())),
    )
    .await?;
    for one in &accepted {
        succeeded(client.ended(one.operation.context("an operation")?).await?)?;
        ensure!(
            client.workspace(one.workspace, 0).await?.phase == Phase::Running,
            "running"
        );
    }
    let ports: std::collections::BTreeSet<u16> = try_join_all(accepted.iter().map(|one| async {
        let view = client.workspace(one.workspace, 0).await?;
        anyhow::Ok(view.ssh.context("an SSH address")?.port)
    }))
    .await?
    .into_iter()
    .collect();
    ensure!(
        ports.len() == 20,
        "every workspace has a port of its own: {ports:?}"
    );
    try_join_all(
        accepted
            .iter()
            .map(|one| client.changed(one.workspace, "delete")),
    )
    .await?;
    let inits = plane.processes("nexus-init")?;
    ensure!(inits.is_empty(), "left running: {inits:?}");
    Ok(())
}

#[tokio::test]
async fn of_sixteen_requests_for_one_name_one_wins() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let body = json!({ "name": "same", "spec": { "provider": "process" } });
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let send = || plane.client.send(reqwest::Method::POST, &path, Some(&body));
    let replies = try_join_all((0..16).map(|_| send())).await?;
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status.is_success());
    ensure!(won.len() == 1, "{replies:#?}");
    ensure!(
        lost.iter().all(|reply| reply.body["code"] == "CONFLICT"),
        "{lost:#?}"
    );
    Ok(())
}
