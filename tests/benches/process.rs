//! P5: a process workspace from the request to its first command.

use nexus_events::id::WorkspaceId;
use nexus_tests::measure::{Times, limit_row, milliseconds, wanted};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::tool;
use serde_json::json;

const ROUNDS: usize = 15;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if !wanted("P5") {
        return Ok(());
    }
    let plane = Plane::start("process").await?;
    let (mut raw, mut ours) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        raw.of(bare_sandbox()).await?;
        let id = ours.of(create(&plane, &format!("p5-{round}"))).await?;
        plane.client.changed(id, "delete").await?;
    }
    let floor = milliseconds(raw.median());
    limit_row("P5", floor, milliseconds(ours.median()), "ms", floor + 25.0);
    Ok(())
}

/// The same kinds of namespaces, entered by the system's own tool.
async fn bare_sandbox() -> anyhow::Result<()> {
    let arguments = [
        "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--", "sh", "-c", ":",
    ];
    tool::run("unshare", &arguments).await?.success()?;
    Ok(())
}

async fn create(plane: &Plane, name: &str) -> anyhow::Result<WorkspaceId> {
    let accepted = plane
        .client
        .create(ALICE, name, json!({ "provider": "process" }))
        .await?;
    let id = accepted.workspace;
    plane
        .client
        .until(id, accepted.sequence, "nexus.workspace.machine_ready.v1")
        .await?;
    let path = format!("/api/v1/workspaces/{id}/exec");
    let body = json!({ "argv": ["sh", "-c", ":"] });
    let reply = plane
        .client
        .request(reqwest::Method::POST, &path)
        .json(&body)
        .send()
        .await?;
    let text = reply.text().await?;
    anyhow::ensure!(text.contains(r#""exit":{"code":0}"#), "{text}");
    Ok(id)
}
