//! Frames and readers that would cost the server its memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_tests::measure::proportional_memory;
use nexus_tests::terminal::{self, BINARY, Frame, JSON, Socket};
use serde_json::{Value, json};

use super::World;

impl World {
    async fn terminal(&self, session: &str) -> anyhow::Result<Socket> {
        let path = terminal::path(&self.workspace.id.to_string(), session, None);
        let mut socket = self
            .door(Some(&self.alice))?
            .open(&path, &[BINARY], &[])
            .await
            .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        terminal::attached(&mut socket).await?;
        Ok(socket)
    }

    async fn viewers(&self) -> anyhow::Result<u64> {
        let path = format!("/api/v1/workspaces/{}/terminals", self.workspace.id);
        let list: Value = self.plane.client.get(&path).await?;
        list["sessions"][0]["viewers"]
            .as_u64()
            .context("how many look on")
    }

    fn server_memory(&self) -> anyhow::Result<u64> {
        let pids = self.plane.processes("nexusd")?;
        Ok(pids.into_iter().filter_map(proportional_memory).sum())
    }
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_its_own_terminal_only() -> anyhow::Result<()> {
    let world = World::make().await?;
    let mut other = world.terminal("other").await?;
    let mut socket = world.terminal("main").await?;
    socket.type_bytes(&vec![b'x'; 64 * 1024 + 1]).await?;
    let (code, reason) = socket.closed().await?;
    ensure!(code == 1009 && !reason.is_empty(), "{code} {reason}");
    let path = format!("/machines/{}/terminal", world.workspace.id);
    let mut words = world
        .door(Some(&world.alice))?
        .open(&path, &[JSON], &[])
        .await
        .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
    let word = json!({ "type": "input", "data": "x".repeat(65 * 1024) });
    words.say(&word).await?;
    let (code, _) = words.closed().await?;
    ensure!(code == 1009, "{code}");
    other.type_bytes(b"echo unharmed-$((1 + 1))\r").await?;
    other.until("unharmed-2").await?;
    Ok(())
}

#[tokio::test]
async fn words_nobody_understands_are_answered_or_end_the_terminal() -> anyhow::Result<()> {
    let world = World::make().await?;
    for word in [
        json!({ "type": "resize", "cols": 0, "rows": 70_000 }),
        json!({ "type": "resize", "cols": "wide" }),
        json!({ "type": "launch" }),
        json!({ "type": "ack", "offset": u64::MAX }),
        json!([]),
        json!("text"),
    ] {
        let mut socket = world.terminal("main").await?;
        socket.say(&word).await?;
        socket.say(&json!({ "type": "ping", "id": 1 })).await?;
        let answer = loop {
            match socket.next().await? {
                Frame::Said(word) if word["type"] == "error" => break "error",
                Frame::Said(word) if word["type"] == "pong" => break "pong",
                Frame::Said(_) | Frame::Bytes(_) => {}
                Frame::Closed(code, reason) => {
                    ensure!((1002..=1008).contains(&code), "{word}: {code} {reason}");
                    break "closed";
                }
            }
        };
        ensure!(!answer.is_empty(), "{word}");
    }
    let mut socket = world.terminal("main").await?;
    socket.type_bytes(b"echo still-$((1 + 1))\r").await?;
    socket.until("still-2").await?;
    Ok(())
}

/// One viewer takes nothing. It is cut, the other one's bytes flow on, and the server keeps none.
#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_while_others_flow() -> anyhow::Result<()> {
    let world = World::make().await?;
    let mut reads = world.terminal("main").await?;
    let stuck = world.terminal("main").await?;
    ensure!(world.viewers().await? == 2, "two look on");
    let before = world.server_memory()?;
    reads.type_bytes(b"yes a flood of words\r").await?;
    let begins = Instant::now();
    let (mut bytes, mut most, mut looked) = (0_u64, before, Instant::now());
    loop {
        if let Frame::Bytes(more) = reads.next().await? {
            bytes += more.len() as u64;
        }
        if looked.elapsed() > Duration::from_millis(500) {
            looked = Instant::now();
            most = most.max(world.server_memory()?);
            if world.viewers().await? == 1 {
                break;
            }
            ensure!(
                begins.elapsed() < Duration::from_secs(60),
                "it was never cut"
            );
        }
    }
    ensure!(bytes > 4 << 20, "the other one got {bytes} bytes");
    ensure!(most - before < 32 * 1024, "{} KiB more", most - before);
    // Flowing on after the cut, too.
    let mut after = 0;
    while after < 1 << 20 {
        match reads.next().await? {
            Frame::Bytes(more) => after += more.len(),
            Frame::Said(_) => {}
            Frame::Closed(code, reason) => anyhow::bail!("closed with {code}: {reason}"),
        }
    }
    drop(stuck);
    Ok(())
}
