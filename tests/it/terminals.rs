//! Terminals over the API: not a byte lost or doubled over any number of reconnects, a flood beside
//! that disturbs nobody, and every way in starts what is stopped.

mod flood;
mod reconnects;
mod start_on_connect;

use anyhow::{Context as _, ensure};
use nexus_events::view::WorkspaceView;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::terminal::{self, Door, Frame, Socket};
use serde_json::{Value, json};

/// A plane, a running workspace of Alice's on it, and the door as herself.
struct World {
    plane: Plane,
    workspace: WorkspaceView,
    door: Door,
}

impl World {
    async fn make() -> anyhow::Result<Self> {
        Self::make_with(&[]).await
    }

    async fn make_with(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let plane = Plane::start_with("process", environment).await?;
        let spec = json!({ "provider": "process" });
        let workspace = plane.client.running(ALICE, "desk", spec).await?;
        let door = plane.door(Some(&plane.token_of(ALICE).await?))?;
        Ok(Self {
            plane,
            workspace,
            door,
        })
    }

    async fn open(&self, path: &str, protocol: &str) -> anyhow::Result<Socket> {
        self.door.must_open(path, protocol).await
    }

    /// The session `name`, made where it is not there, a plain shell in it.
    async fn session(&self, name: &str) -> anyhow::Result<Socket> {
        let path = terminal::path(&self.workspace.id.to_string(), name, None);
        self.door.shell(&path, terminal::BINARY).await
    }

    /// The sessions the API lists.
    async fn sessions(&self) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/v1/workspaces/{}/terminals", self.workspace.id);
        let list: Value = self.plane.client.get(&path).await?;
        Ok(list["sessions"].as_array().context("sessions")?.clone())
    }
}

#[tokio::test]
async fn a_shell_answers_resizes_and_tells_how_it_ended() -> anyhow::Result<()> {
    let world = World::make().await?;
    let mut socket = world.session("main").await?;
    socket
        .say(&json!({ "type": "resize", "cols": 132, "rows": 43 }))
        .await?;
    socket.type_bytes(b"stty size\r").await?;
    socket.until("43 132").await?;
    socket.say(&json!({ "type": "ping", "id": 7 })).await?;
    ensure!(socket.told("pong").await?["id"] == 7, "the same ping");
    socket.type_bytes(b"exit 3\r").await?;
    let ended = socket.told("ended").await?;
    ensure!(ended["exit"]["code"] == 3, "{ended}");
    let (code, reason) = socket.closed().await?;
    ensure!(code == 1000 && !reason.is_empty(), "{code} {reason}");
    Ok(())
}

#[tokio::test]
async fn a_viewer_sees_what_another_types_and_a_reader_only_reads() -> anyhow::Result<()> {
    let world = World::make().await?;
    let mut typist = world.session("shared").await?;
    let path = terminal::path(&world.workspace.id.to_string(), "shared", None);
    let mut viewer = world.open(&path, terminal::BINARY).await?;
    let path = format!("{path}&read_only=true");
    let mut reader = world.open(&path, terminal::BINARY).await?;
    let attached = terminal::attached(&mut reader).await?;
    ensure!(attached["read_only"] == true, "{attached}");
    reader.type_bytes(b"echo not-$((1 + 1))-mine\r").await?;
    typist.type_bytes(b"echo seen-$((20 + 3))-by-all\r").await?;
    viewer.until("seen-23-by-all").await?;
    let seen = reader.until("seen-23-by-all").await?;
    ensure!(!seen.contains("not-2-mine"), "a reader typed: {seen}");
    let sessions = world.sessions().await?;
    ensure!(sessions.len() == 1, "{sessions:?}");
    ensure!(sessions[0]["viewers"] == 3, "{sessions:?}");
    Ok(())
}

#[tokio::test]
async fn stopping_closes_terminals_with_the_reason_and_deleting_too() -> anyhow::Result<()> {
    let world = World::make().await?;
    let client = &world.plane.client;
    let mut socket = world.session("main").await?;
    client.changed(world.workspace.id, "stop").await?;
    let (code, reason) = socket.closed().await?;
    ensure!(code == 4001 && !reason.is_empty(), "{code} {reason}");
    client.changed(world.workspace.id, "start").await?;
    let mut socket = world.session("main").await?;
    client.changed(world.workspace.id, "delete").await?;
    let (code, reason) = socket.closed().await?;
    ensure!(code == 4002 && !reason.is_empty(), "{code} {reason}");
    Ok(())
}

#[tokio::test]
async fn the_seeds_frames_are_met_to_the_letter() -> anyhow::Result<()> {
    let world = World::make().await?;
    let id = world.workspace.id.to_string();
    let path = format!("/machines/{id}/terminal");
    let mut socket = world.open(&path, terminal::JSON).await?;
    socket
        .say(&json!({ "type": "resize", "cols": 90, "rows": 31 }))
        .await?;
    let input =
        json!({ "type": "input", "data": "PS1=; stty -echo; stty size; echo é-$((40 + 2))\r" });
    socket.say(&input).await?;
    let shown = socket.until("é-42").await?;
    ensure!(shown.contains("31 90"), "{shown}");
    drop(socket);
    let again = format!("{path}?session=new&reconnect=true");
    let mut socket = world.open(&again, terminal::JSON).await?;
    let word = socket.told("reconnected").await?;
    ensure!(word["message"] == "New session started", "{word}");
    let name = format!("/terminal/{}", world.workspace.name);
    let mut bytes = world.open(&name, terminal::BINARY).await?;
    bytes.type_bytes(b"echo bytes-$((1 + 2))\r").await?;
    bytes.until("bytes-3").await?;
    Ok(())
}

#[tokio::test]
async fn fifty_terminals_at_once_each_get_their_own_bytes() -> anyhow::Result<()> {
    let world = World::make().await?;
    let all = (0..50).map(|number| {
        let world = &world;
        async move {
            let mut socket = world.session(&format!("many-{number}")).await?;
            let line = format!("echo mine-{number}-$((1000 + {number}))\r");
            socket.type_bytes(line.as_bytes()).await?;
            let seen = socket
                .until(&format!("mine-{number}-{}", 1000 + number))
                .await?;
            ensure!(seen.matches("mine-").count() == 1, "{number}: {seen}");
            anyhow::Ok(socket)
        }
    });
    let open = futures::future::try_join_all(all).await?;
    ensure!(world.sessions().await?.len() == 50, "fifty are listed");
    let path = format!("/api/v1/workspaces/{}/terminals", world.workspace.id);
    for session in world.sessions().await? {
        let id = session["id"].as_str().context("an id")?;
        let path = format!("{path}/{id}");
        let reply = world
            .plane
            .client
            .send(reqwest::Method::DELETE, &path, None)
            .await?;
        ensure!(reply.status.as_u16() == 204, "{reply:?}");
    }
    for mut socket in open {
        let code = loop {
            if let Frame::Closed(code, _) = socket.next().await? {
                break code;
            }
        };
        ensure!(code == 1000, "closed with {code}");
    }
    Ok(())
}
