//! One terminal floods, the other is typed in: its echo stays quick and nobody's memory grows.

use std::time::{Duration, Instant};

use anyhow::ensure;
use nexus_tests::measure::{Times, milliseconds, proportional_memory};
use nexus_tests::terminal::{self, Frame, Socket};
use serde_json::json;

use super::World;

/// How long the flood lasts here; `bench P15` lets it run for a minute.
const FLOOD: Duration = Duration::from_secs(6);
/// How much more memory all of Nexus may hold at its end.
const MOST_GROWTH_KIB: u64 = 48 * 1024;

#[tokio::test]
async fn a_flood_beside_leaves_the_echo_within_three_times() -> anyhow::Result<()> {
    beside_a_flood(&[]).await
}

#[tokio::test]
async fn a_flood_beside_leaves_the_echo_within_three_times_over_the_relay() -> anyhow::Result<()> {
    beside_a_flood(&[("NEXUS_LINK", "relay")]).await
}

async fn beside_a_flood(environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let world = World::make_with(environment).await?;
    let mut typed = world.session("typed").await?;
    typed.type_bytes(b"exec cat\r").await?;
    let quiet = echoes(&mut typed, 200).await?;
    let before = held(&world)?;
    let mut flood = world.session("flood").await?;
    flood.type_bytes(b"exec yes\r").await?;
    let drain = tokio::spawn(async move { drained(&mut flood).await });
    let begins = Instant::now();
    let mut busy = Times::default();
    let mut most = before;
    while begins.elapsed() < FLOOD {
        busy.extend(echoes(&mut typed, 50).await?);
        most = most.max(held(&world)?);
    }
    let bytes = drain.await??;
    ensure!(bytes > 1 << 20, "no flood: {bytes} bytes");
    let (quiet, busy) = (milliseconds(quiet.median()), milliseconds(busy.median()));
    // Below a millisecond two threads on two cores are what is measured, not Nexus.
    let ratio = busy / quiet.max(1.0);
    ensure!(
        ratio <= 3.0,
        "{busy:.2} ms beside a flood, {quiet:.2} ms alone"
    );
    let growth = most.saturating_sub(before);
    ensure!(growth <= MOST_GROWTH_KIB, "{growth} KiB more");
    Ok(())
}

/// Keystrokes, one after the other's echo. `cat` answers what the terminal does not.
async fn echoes(socket: &mut Socket, count: usize) -> anyhow::Result<Times> {
    let mut times = Times::default();
    for number in 0..count {
        let letter = b'a' + u8::try_from(number % 26)?;
        times
            .of(async {
                socket.type_bytes(&[letter, b'\r']).await?;
                loop {
                    if let Frame::Bytes(bytes) = socket.next().await?
                        && bytes.contains(&letter)
                    {
                        return Ok(());
                    }
                }
            })
            .await?;
    }
    Ok(times)
}

/// Takes all that comes for as long as the flood lasts, telling so, as a page does.
async fn drained(socket: &mut Socket) -> anyhow::Result<u64> {
    let begins = Instant::now();
    let (mut bytes, mut told) = (0, 0);
    let mut offset = None;
    while begins.elapsed() < FLOOD {
        match socket.next().await? {
            Frame::Bytes(more) => bytes += more.len() as u64,
            Frame::Said(word) if word["type"] == "attached" => offset = word["from"].as_u64(),
            Frame::Said(_) => {}
            Frame::Closed(code, reason) => anyhow::bail!("closed with {code}: {reason}"),
        }
        if bytes - told > 32 * 1024 {
            told = bytes;
            let word = offset.map_or_else(
                || json!({ "type": "ping", "id": told }),
                |offset| terminal::taken(offset + told),
            );
            socket.say(&word).await?;
        }
    }
    Ok(bytes)
}

/// What the processes of Nexus hold, in KiB; not what runs in workspaces, nor the log.
fn held(world: &World) -> anyhow::Result<u64> {
    let mut sum = 0;
    for name in ["nexusd", "nexus-worker", "nexus-init"] {
        let pids = world.plane.processes(name)?;
        sum += pids
            .into_iter()
            .filter_map(proportional_memory)
            .sum::<u64>();
    }
    Ok(sum)
}
