//! A program that is no Nexus listens where a workspace is to be reached: it stays there, and the
//! workspace is reached elsewhere.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::id::WorkspaceId;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::ways::{self, Way};
use nexus_tests::{require, ssh};
use tokio::net::{TcpListener, TcpStream};

const MOVED: &str = "nexus.workspace.ssh_port_moved.v1";

#[tokio::test]
async fn a_foreign_program_at_the_port_of_a_workspace_moves_it_to_another() -> anyhow::Result<()> {
    require!(
        "a_foreign_program_at_the_port_of_a_workspace_moves_it_to_another",
        ssh::is_installed(),
        "openssh-client is not installed (./dev installs it)"
    );
    let mut plane = Plane::start("process").await?;
    let spec = serde_json::json!({ "provider": "process" });
    let id = plane.client.running(ALICE, "moved", spec).await?.id;
    let first = port(&plane, id).await?;

    // While nobody listens for the stopped workspace, somebody else does.
    plane.client.changed(id, "stop").await?;
    plane.stop().await?;
    let _foreign = TcpListener::bind(("127.0.0.1", first)).await?;
    plane.restart().await?;
    plane.nodes_joined().await?;
    plane.client.changed(id, "start").await?;
    let second = port(&plane, id).await?;
    ensure!(second != first, "port {first} is somebody else's");
    answers(&plane, id).await?;

    // The same under one that runs.
    plane.stop().await?;
    let _foreign = TcpListener::bind(("127.0.0.1", second)).await?;
    plane.restart().await?;
    let before = plane.client.events(id).await?;
    let last = before.last().context("it has a past")?.sequence;
    let moved = before.iter().rfind(|event| event.event["type"] == MOVED);
    if moved.is_none_or(|event| event.event["data"]["ssh_port_moved"]["from"] != second) {
        plane.client.until(id, last, MOVED).await?;
    }
    answers(&plane, id).await?;
    let third = port(&plane, id).await?;
    ensure!(third != second, "port {second} is somebody else's");
    Ok(())
}

async fn port(plane: &Plane, id: WorkspaceId) -> anyhow::Result<u16> {
    let view = plane.client.workspace(id, 0).await?;
    Ok(view.ssh.context("it has a port for SSH")?.port)
}

/// Stock ssh logs in at the port of the pool that is told, once somebody listens there.
async fn answers(plane: &Plane, id: WorkspaceId) -> anyhow::Result<()> {
    let port = port(plane, id).await?;
    let listening = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let listening = tokio::time::timeout(Duration::from_secs(30), listening).await;
    listening.with_context(|| format!("nobody listens at {port}"))?;
    let host = ways::host(plane, id, Way::Pool, &plane.key).await?;
    let output = host.ssh(&[], &["echo in"]).output().await?;
    ensure!(output.stdout == b"in\n", "{output:?}");
    Ok(())
}
