//! P20: `nexusd` from nothing to ready, and what it holds when idle, against an sshd.
//!
//! Once on a log that is served already, so that both sides are one program that starts; once with
//! the nats-server it starts itself, which adds that one's start and recovery.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_tests::chaos::fault::Target;
use nexus_tests::measure::{
    Times, limit_row, milliseconds, proportional_memory, ratio_row, skipped_row, wanted,
};
use nexus_tests::plane::{Plane, make_key};
use nexus_tests::replicas::Replicas;
use tokio::io::AsyncReadExt as _;

const ROUNDS: usize = 7;
const REPLICA: Target = Target::Plane(0);
const SSHD: &str = "/usr/sbin/sshd";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if !wanted("P20") {
        return Ok(());
    }
    if !std::path::Path::new(SSHD).exists() {
        skipped_row("P20", "no sshd on this machine to measure against");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    make_key(&folder.path().join("host")).await?;
    let mut raw = Times::default();
    let (mut alone, mut embedded) = (Times::default(), Times::default());
    let mut plane = Plane::start("none").await?;
    let mut replicas = Replicas::start(1, &[]).await?;
    for _ in 0..ROUNDS {
        let mut sshd = raw.of(sshd(folder.path())).await?;
        sshd.kill().await?;
        replicas.kill(REPLICA).await?;
        alone
            .of(async {
                replicas.run(REPLICA)?;
                replicas.ready(0).await
            })
            .await?;
        plane.stop().await?;
        embedded.of(plane.restart()).await?;
    }
    for (times, what) in [
        (alone, "on a log that is served"),
        (embedded, "with its own nats-server"),
    ] {
        println!("      {what}");
        let (floor, figure) = (milliseconds(raw.median()), milliseconds(times.median()));
        ratio_row("P20", floor, figure, "ms", 3.0);
    }
    let pids = plane.processes("nexusd")?;
    ensure!(!pids.is_empty(), "nexusd runs");
    let kib: u64 = pids.into_iter().filter_map(proportional_memory).sum();
    limit_row("P20", 0.0, kib as f64 / 1024.0, "MiB", 30.0);
    Ok(())
}

/// An sshd on a free port, up to its identification string.
async fn sshd(folder: &std::path::Path) -> anyhow::Result<tokio::process::Child> {
    std::fs::create_dir_all("/run/sshd").ok();
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let child = tokio::process::Command::new(SSHD)
        .args(["-D", "-f", "/dev/null", "-h"])
        .arg(folder.join("host"))
        .args([
            "-o",
            &format!("ListenAddress=127.0.0.1:{port}"),
            "-o",
            "PidFile=none",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting sshd")?;
    for _ in 0..2000 {
        if let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
            let mut banner = [0; 4];
            stream.read_exact(&mut banner).await?;
            ensure!(&banner == b"SSH-", "sshd greets");
            return Ok(child);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    anyhow::bail!("sshd did not answer")
}
