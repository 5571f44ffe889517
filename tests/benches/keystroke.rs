//! P16: how long a keystroke takes to be seen over SSH, by every way in, against OpenSSH on the same
//! machine, all typed into by turns.
//!
//! Each way stands beside a bare server reached directly, and beside OpenSSH doing the same: `ssh -J`
//! over one bare server to another, and a `ProxyCommand` that copies. What is relayed crosses NATS,
//! so it stands beside these with a round trip of bare messages over the same server on top, too.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_nats::Role;
use nexus_nats::testing::Messages;
use nexus_tests::measure::{Times, milliseconds, ratio_row, skipped_row, wanted};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::ssh::Host;
use nexus_tests::sshd::{self, Sshd};
use nexus_tests::ways::{self, WAYS, Way};
use nexus_tests::{bus, docker, ssh, tool};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};

const KEYSTROKES: usize = 100;
const ROUNDS: usize = 8;
const MOST: f64 = 1.2;

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

/// One terminal each way and one each floor, typed into by turns.
async fn measured(provider: &str, link: &str) -> anyhow::Result<()> {
    let plane = Plane::start_with(provider, &[("NEXUS_LINK", link)]).await?;
    let spec = json!({ "provider": provider });
    let workspace = plane.client.running(ALICE, "typed", spec).await?.id;
    let mut floors = Floors::start(&plane).await?;
    let mut ours = Vec::new();
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        let typed = Typed::into(&host).await.context(way.name())?;
        ours.push((way, typed, Times::default()));
    }
    for _ in 0..ROUNDS {
        floors.round().await?;
        for (_, typed, times) in &mut ours {
            typed.keystrokes(times).await?;
        }
    }
    for (way, _, times) in &ours {
        let is_relayed = link == "relay" && *way != Way::Pool;
        for (name, floor) in floors.of(*way, is_relayed) {
            println!(
                "      {provider} by {} ({link} link), floor: {name}",
                way.name()
            );
            ratio_row(
                "P16",
                milliseconds(floor),
                milliseconds(times.median()),
                "ms",
                MOST,
            );
        }
    }
    Ok(())
}

/// What OpenSSH and NATS take by themselves.
struct Floors {
    _servers: [Sshd; 2],
    bare: (Typed, Times),
    behind: (Typed, Times),
    copied: Option<(Typed, Times)>,
    messages: (Messages, Times),
}

impl Floors {
    async fn start(plane: &Plane) -> anyhow::Result<Self> {
        let folder = plane.home();
        let sshd = Sshd::start(&folder.join("reference"), &plane.key).await?;
        let between = Sshd::start(&folder.join("between"), &plane.key).await?;
        let typed = async |host: Host| anyhow::Ok((Typed::into(&host).await?, Times::default()));
        let copied = match tool::is_installed("nc") {
            true => Some(typed(sshd.over("copied", "nc %h %p")?).await?),
            false => {
                println!("      no `nc` here: no floor with a ProxyCommand that copies");
                None
            }
        };
        let near = bus::connect(plane, Role::ControlPlane).await?;
        let node = bus::node(plane).await?;
        let far = bus::connect(plane, Role::Worker(node)).await?;
        Ok(Self {
            bare: typed(sshd.host.clone()).await?,
            behind: typed(sshd.behind(&between)?).await?,
            copied,
            messages: (Messages::between(&near, &far, node).await, Times::default()),
            _servers: [sshd, between],
        })
    }

    async fn round(&mut self) -> anyhow::Result<()> {
        let terminals = [&mut self.bare, &mut self.behind];
        for (typed, times) in terminals.into_iter().chain(&mut self.copied) {
            typed.keystrokes(times).await?;
        }
        let (messages, times) = &mut self.messages;
        for _ in 0..KEYSTROKES {
            let round_trip = async {
                messages.round_trip().await;
                Ok(())
            };
            times.of(round_trip).await?;
        }
        Ok(())
    }

    /// What a way is compared with: a bare server, OpenSSH doing the same, and both with NATS on
    /// top where the way crosses it.
    fn of(&self, way: Way, is_relayed: bool) -> Vec<(String, Duration)> {
        let mut floors = vec![("ssh to a bare server", self.bare.1.median())];
        match (way, &self.copied) {
            (Way::Pool | Way::Config, _) | (Way::Stdio, None) => {}
            (Way::Stdio, Some((_, times))) => {
                floors.push(("ssh with ProxyCommand nc", times.median()));
            }
            (Way::Jump, _) => floors.push(("ssh -J over two servers", self.behind.1.median())),
        }
        let bare = floors
            .iter()
            .map(|(name, time)| ((*name).to_owned(), *time));
        let mut all: Vec<_> = bare.collect();
        if is_relayed {
            let messages = self.messages.1.median();
            all.extend(floors.iter().map(|(name, time)| {
                let name = format!("{name} + a bare NATS round trip");
                (name, *time + messages)
            }));
        }
        all
    }
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
