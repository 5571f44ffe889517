//! Whoever knocks at a stopped workspace is told that it starts, and then let in.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::workspace::Phase;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::ssh::feed;
use nexus_tests::terminal::{self, Frame};
use nexus_tests::ways::{self, WAYS};
use nexus_tests::{require, ssh, tool};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::World;

impl World {
    async fn stop(&self) -> anyhow::Result<()> {
        let client = &self.plane.client;
        if client.workspace(self.workspace.id, 0).await?.phase == Phase::Running {
            client.changed(self.workspace.id, "stop").await?;
        }
        Ok(())
    }

    async fn must_run(&self) -> anyhow::Result<()> {
        let view = self.plane.client.workspace(self.workspace.id, 0).await?;
        ensure!(view.phase == Phase::Running, "{:?}", view.phase);
        Ok(())
    }
}

#[tokio::test]
async fn a_terminal_starts_a_stopped_workspace_and_says_so() -> anyhow::Result<()> {
    let world = World::make().await?;
    world.stop().await?;
    let path = terminal::path(&world.workspace.id.to_string(), "main", None);
    let mut socket = world.open(&path, terminal::BINARY).await?;
    let mut said = Vec::new();
    loop {
        match socket.next().await? {
            Frame::Said(word) if word["type"] == "status" => said.push(word),
            Frame::Said(word) if word["type"] == "attached" => break,
            other => anyhow::bail!("instead of progress: {other:?}"),
        }
    }
    ensure!(!said.is_empty(), "nothing was said");
    ensure!(
        said.iter().all(|word| word["message"].is_string()),
        "{said:?}"
    );
    socket.type_bytes(b"echo awake-$((1 + 1))\r").await?;
    socket.until("awake-2").await?;
    world.must_run().await
}

#[tokio::test]
async fn every_way_in_by_ssh_starts_a_stopped_workspace() -> anyhow::Result<()> {
    const TEST: &str = "every_way_in_by_ssh_starts_a_stopped_workspace";
    require!(TEST, ssh::is_installed(), "openssh-client is not installed");
    let world = World::make().await?;
    for way in WAYS {
        let host = ways::host(&world.plane, world.workspace.id, way, &world.plane.key).await?;
        world.stop().await?;
        let first = host.run("echo in").await?;
        ensure!(
            first.code == Some(0) && first.stdout == "in\n",
            "{}: {first:?}",
            way.name()
        );
        world.must_run().await.context(way.name())?;
    }
    Ok(())
}

#[tokio::test]
async fn many_knocks_at_once_are_one_start() -> anyhow::Result<()> {
    const TEST: &str = "many_knocks_at_once_are_one_start";
    require!(TEST, ssh::is_installed(), "openssh-client is not installed");
    let world = World::make().await?;
    world.stop().await?;
    let host = ways::host(
        &world.plane,
        world.workspace.id,
        ways::Way::Pool,
        &world.plane.key,
    );
    let host = host.await?;
    let knocks = (0..10).map(|_| host.run("true"));
    for knock in futures::future::try_join_all(knocks).await? {
        ensure!(knock.code == Some(0), "{knock:?}");
    }
    let events = world.plane.client.events(world.workspace.id).await?;
    let starts = events
        .iter()
        .filter(|event| event.event["type"] == "nexus.workspace.start_requested.v1")
        .count();
    ensure!(starts == 1, "{starts} starts");
    Ok(())
}

#[tokio::test]
async fn a_scanner_at_the_port_starts_nothing() -> anyhow::Result<()> {
    let world = World::make().await?;
    let port = world.workspace.ssh.clone().context("an address")?.port;
    world.stop().await?;
    let address = ("127.0.0.1", port);
    // One says nothing, one speaks something else; both may be held or closed, not served.
    let silent = TcpStream::connect(address).await?;
    let mut stranger = TcpStream::connect(address).await?;
    stranger
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await?;
    let mut answer = [0; 64];
    let read = tokio::time::timeout(Duration::from_secs(12), stranger.read(&mut answer)).await;
    let said = String::from_utf8_lossy(&answer).into_owned();
    ensure!(!said.starts_with("Nexus: starting"), "{read:?} {said}");
    let view = world.plane.client.workspace(world.workspace.id, 0).await?;
    ensure!(view.phase == Phase::Stopped, "{:?}", view.phase);
    drop(silent);
    Ok(())
}

#[tokio::test]
async fn a_forwarded_port_and_a_service_port_start_a_stopped_workspace() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let spec = json!({
        "provider": "process",
        "services": { "web": { "command": "exec python3 -m http.server 3000", "port": 3000 } },
    });
    let view = plane.client.running(ALICE, "served", spec).await?;
    plane.client.changed(view.id, "stop").await?;
    let near = ssh::free_port()?;
    let rule = format!("{near}:3000");
    let mut forward = plane.nexus(&["port", "forward", "served", &rule])?;
    let log = std::fs::File::create(plane.home().join("forward.log"))?;
    let mut child = forward
        .stdin(std::process::Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let text = asked(near).await.with_context(|| {
        std::fs::read_to_string(plane.home().join("forward.log")).unwrap_or_default()
    })?;
    ensure!(text.contains("200 OK"), "{text}");
    child.kill().await?;
    let url = plane.client.workspace(view.id, 0).await?;
    let url = url.services[&"web".parse()?].url.clone();
    let url = url.context("the service has an address")?;
    let port: u16 = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .context("a port")?
        .parse()?;
    plane.client.changed(view.id, "stop").await?;
    let text = asked(port).await.context("the node's service port")?;
    ensure!(text.contains("200 OK"), "{text}");
    Ok(())
}

/// What a web server behind `port` answers, waiting until somebody listens there.
async fn asked(port: u16) -> anyhow::Result<String> {
    let ask = async {
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", port)).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        stream
            .write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        anyhow::Ok(text)
    };
    tokio::time::timeout(Duration::from_secs(60), ask)
        .await
        .context("no answer within a minute")?
}

#[tokio::test]
async fn the_command_line_says_that_it_starts_what_is_stopped() -> anyhow::Result<()> {
    const TEST: &str = "the_command_line_says_that_it_starts_what_is_stopped";
    require!(TEST, ssh::is_installed(), "openssh-client is not installed");
    let world = World::make().await?;
    world.stop().await?;
    let command = world.plane.nexus(&["ssh", "desk", "--", "cat"])?;
    // Whether its key is let in is another matter: it is the operator's here, not Alice's.
    let output = feed(command, b"through the command line\n").await?;
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    ensure!(said.contains("starting"), "nothing was said: {said}");
    world.must_run().await?;
    let list = tool::finish(
        world
            .plane
            .nexus(&["workspace", "list", "--output", "name"])?,
    )
    .await?;
    ensure!(list.stdout == "desk\n", "{list:?}");
    Ok(())
}
