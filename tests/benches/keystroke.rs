//! P16: how long a keystroke takes to be seen over SSH, by every way in, against a bare OpenSSH
//! server on the same machine.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_tests::measure::{Times, milliseconds, ratio_row, skipped_row, wanted};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::ssh::Host;
use nexus_tests::sshd::{self, Sshd};
use nexus_tests::ways::{self, WAYS};
use nexus_tests::{docker, ssh};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};

const KEYSTROKES: usize = 100;
const ROUNDS: usize = 8;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if !wanted("P16") {
        return Ok(());
    }
    if !ssh::is_installed() || !sshd::is_installed() {
        skipped_row("P16", "no OpenSSH client and server on this machine");
        return Ok(());
    }
    measured("process", "direct").await?;
    measured("process", "relay").await?;
    if docker::is_usable().await {
        measured("docker", "direct").await?;
    } else {
        skipped_row("P16", "no container engine with the base image");
    }
    Ok(())
}

/// One terminal each way and one on the bare server, typed into by turns.
async fn measured(provider: &str, link: &str) -> anyhow::Result<()> {
    let plane = Plane::start_with(provider, &[("NEXUS_LINK", link)]).await?;
    let spec = json!({ "provider": provider });
    let workspace = plane.client.running(ALICE, "typed", spec).await?.id;
    let sshd = Sshd::start(&plane.home().join("reference"), &plane.key).await?;
    let mut bare = Typed::into(&sshd.host).await?;
    let mut ours = Vec::new();
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        let typed = Typed::into(&host).await.context(way.name())?;
        ours.push((way, typed, Times::default()));
    }
    let mut floor = Times::default();
    for _ in 0..ROUNDS {
        bare.keystrokes(&mut floor).await?;
        for (_, typed, times) in &mut ours {
            typed.keystrokes(times).await?;
        }
    }
    for (way, _, times) in &ours {
        println!("      {provider} by {} ({link} link):", way.name());
        let (floor, figure) = (milliseconds(floor.median()), milliseconds(times.median()));
        ratio_row("P16", floor, figure, "ms", 1.2);
    }
    Ok(())
}

/// A program at a terminal that shows what is typed.
struct Typed {
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Typed {
    async fn into(host: &Host) -> anyhow::Result<Self> {
        let mut ssh = host.ssh(&["-tt"], &["stty raw -echo; echo ready; exec cat"]);
        let mut child = ssh
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child.stdin.take().context("a pipe")?;
        let mut stdout = child.stdout.take().context("a pipe")?;
        let mut seen = Vec::new();
        while !seen.ends_with(b"ready\n") {
            let byte = tokio::time::timeout(Duration::from_secs(30), stdout.read_u8());
            seen.push(byte.await.context("no terminal within half a minute")??);
        }
        Ok(Self {
            _child: child,
            stdin,
            stdout,
        })
    }

    async fn keystrokes(&mut self, times: &mut Times) -> anyhow::Result<()> {
        for number in 0..KEYSTROKES {
            let letter = b'a' + u8::try_from(number % 26)?;
            times
                .of(async {
                    self.stdin.write_all(&[letter]).await?;
                    let seen = self.stdout.read_u8().await?;
                    ensure!(seen == letter, "{seen} instead of {letter}");
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}
