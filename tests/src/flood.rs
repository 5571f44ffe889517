//! One terminal floods while the other is typed into: what a test holds against a few seconds and
//! `bench R8` against a minute.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::measure::{Times, proportional_memory};
use crate::plane::Plane;
use crate::terminal::{Frame, Socket, taken};

/// Keystrokes between two looks at the memory.
const BATCH: usize = 50;
/// How many times so many are typed before the flood.
const QUIET: usize = 20;

/// What was measured beside a flood.
#[derive(Debug)]
pub struct Beside {
    /// Echoes before it.
    pub quiet: Times,
    /// Echoes while it lasted.
    pub busy: Times,
    /// How many bytes flooded.
    pub bytes: u64,
    /// How much more memory Nexus held at its worst than before, in KiB.
    pub growth: u64,
}

/// Types into `typed` (a plain shell) while `yes` runs in `flood` (another) for as long as told.
///
/// # Errors
/// When a terminal ends before its time.
pub async fn measure(
    plane: &Plane,
    mut typed: Socket,
    mut flood: Socket,
    lasts: Duration,
) -> anyhow::Result<Beside> {
    typed
        .type_bytes(b"stty raw -echo; echo raw; exec cat\r")
        .await?;
    typed.until("raw").await?;
    // What came before the first letter is read with it.
    typed.echo(b'z').await?;
    // Looked at as often as beside the flood: looking itself takes time.
    let (mut quiet, mut before) = (Times::default(), 0);
    for _ in 0..QUIET {
        echoes(&mut typed, BATCH, &mut quiet).await?;
        before = held(plane)?;
    }
    flood.type_bytes(b"exec yes\r").await?;
    let drain = tokio::spawn(async move { drained(&mut flood, lasts).await });
    let begins = Instant::now();
    let (mut busy, mut most) = (Times::default(), before);
    while begins.elapsed() < lasts {
        echoes(&mut typed, BATCH, &mut busy).await?;
        most = most.max(held(plane)?);
    }
    let bytes = drain.await.context("the flood")??;
    Ok(Beside {
        quiet,
        busy,
        bytes,
        growth: most.saturating_sub(before),
    })
}

/// Keystrokes, each after the echo of the one before.
async fn echoes(socket: &mut Socket, count: usize, times: &mut Times) -> anyhow::Result<()> {
    for number in 0..count {
        let letter = b'a' + u8::try_from(number % 26)?;
        times.of(socket.echo(letter)).await?;
    }
    Ok(())
}

/// Takes all that comes for as long as told, saying so, as a page does.
async fn drained(socket: &mut Socket, lasts: Duration) -> anyhow::Result<u64> {
    const EVERY: u64 = 32 * 1024;
    let begins = Instant::now();
    let (mut bytes, mut said) = (0, 0);
    // Whoever opened it has been told where it begins: all after that is counted from there.
    let start = socket.begins();
    while begins.elapsed() < lasts {
        match socket.next().await? {
            Frame::Bytes(more) => bytes += more.len() as u64,
            Frame::Said(_) => {}
            Frame::Closed(code, reason) => bail!("closed with {code}: {reason}"),
        }
        if bytes - said > EVERY {
            said = bytes;
            socket.say(&taken(start + bytes)).await?;
        }
    }
    Ok(bytes)
}

/// What the processes of Nexus hold, in KiB; not what runs in workspaces, nor the log.
fn held(plane: &Plane) -> anyhow::Result<u64> {
    let mut sum = 0;
    for name in ["nexusd", "nexus-worker", "nexus-init"] {
        let pids = plane.processes(name)?;
        sum += pids
            .into_iter()
            .filter_map(proportional_memory)
            .sum::<u64>();
    }
    Ok(sum)
}
