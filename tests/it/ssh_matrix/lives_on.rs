//! What ends an open SSH session, and what does not.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_tests::client::PublicKey;
use nexus_tests::plane::{ALICE, Plane, make_key};
use nexus_tests::ssh::Host;
use nexus_tests::ways::{self, WAYS, Way};
use nexus_tests::{docker, require, ssh};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::{NO_OPENSSH, make};

/// A shell that stays open: what is typed comes back.
struct Open {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Open {
    async fn on(host: &Host) -> anyhow::Result<Self> {
        let mut ssh = host.ssh(&[], &["cat"]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = ssh.spawn()?;
        let stdin = child.stdin.take().context("a pipe")?;
        let stdout = child.stdout.take().context("a pipe")?;
        let lines = BufReader::new(stdout).lines();
        let mut open = Self {
            child,
            stdin,
            lines,
        };
        open.answers("first").await?;
        Ok(open)
    }

    async fn answers(&mut self, word: &str) -> anyhow::Result<()> {
        self.stdin
            .write_all(format!("{word}\n").as_bytes())
            .await
            .context("the session takes nothing")?;
        let line = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line())
            .await
            .context("the session is silent")??;
        ensure!(line.as_deref() == Some(word), "{line:?} instead of {word}");
        Ok(())
    }

    /// How long it takes from now until the session has ended by itself.
    async fn ends(mut self) -> anyhow::Result<Duration> {
        let begins = Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended.context("the session is still open")??;
        Ok(begins.elapsed())
    }
}

#[tokio::test]
async fn sessions_through_the_pool_outlive_a_killed_nexusd_on_process() -> anyhow::Result<()> {
    require!(
        "sessions_through_the_pool_outlive_a_killed_nexusd_on_process",
        ssh::is_installed(),
        NO_OPENSSH
    );
    outlives("process").await
}

#[tokio::test]
async fn sessions_through_the_pool_outlive_a_killed_nexusd_on_docker() -> anyhow::Result<()> {
    const TEST: &str = "sessions_through_the_pool_outlive_a_killed_nexusd_on_docker";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    require!(
        TEST,
        docker::is_usable().await,
        "no container engine with the base image (./dev image)"
    );
    outlives("docker").await
}

/// `nexusd` stops in good order, then dies: the same sessions answer throughout.
async fn outlives(provider: &str) -> anyhow::Result<()> {
    let mut plane = Plane::start(provider).await?;
    let workspace = make(&plane, "lasting", provider).await?;
    let host = ways::host(&plane, workspace, Way::Pool, &plane.key).await?;
    let mut early = Open::on(&host).await?;
    plane.stop().await?;
    early.answers("without nexusd").await?;
    plane.restart().await?;
    plane.nodes_joined().await?;
    early.answers("with another nexusd").await?;
    let mut late = logged_in(&host).await.context("a new login afterwards")?;
    plane.kill().await?;
    plane.kill_processes("nexus-worker")?;
    plane.kill_processes("nats-server")?;
    early.answers("without anything").await?;
    late.answers("without anything").await?;
    plane.restart().await?;
    plane.nodes_joined().await?;
    early.answers("at last").await?;
    late.answers("at last").await?;
    logged_in(&host).await.context("a new login at last")?;
    Ok(())
}

#[tokio::test]
async fn a_removed_key_closes_its_sessions_within_a_second() -> anyhow::Result<()> {
    const TEST: &str = "a_removed_key_closes_its_sessions_within_a_second";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    let plane = Plane::start("process").await?;
    let workspace = make(&plane, "keys", "process").await?;
    let second = plane.home().join("id_second");
    let public = make_key(&second).await?;
    let user = plane.user_id(ALICE).await?;
    add_key(&plane, &user, &public).await?;
    let mut kept = Open::on(&ways::host(&plane, workspace, Way::Pool, &plane.key).await?).await?;
    let mut open = Vec::new();
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &second).await?;
        let session = logged_in(&host).await.with_context(|| way.name())?;
        open.push((way, session, host));
    }
    // A slash of the fingerprint is part of one segment of the path.
    let fingerprint = public.fingerprint.replace('/', "%2F").replace('+', "%2B");
    let path = format!("/api/v1/users/{user}/keys/{fingerprint}");
    let removed = plane
        .client
        .send(reqwest::Method::DELETE, &path, None)
        .await?;
    ensure!(removed.status.is_success(), "{removed:?}");
    for (way, session, host) in open {
        let took = session.ends().await.with_context(|| way.name())?;
        ensure!(took < Duration::from_secs(1), "{}: {took:?}", way.name());
        let again = host.run("true").await?;
        ensure!(again.code == Some(255), "{}: {again:?}", way.name());
    }
    kept.answers("the other key's session lives on").await
}

async fn add_key(plane: &Plane, user: &str, key: &PublicKey) -> anyhow::Result<()> {
    let body = serde_json::json!({ "public_key": key.line });
    let path = format!("/api/v1/users/{user}/keys");
    plane
        .client
        .post::<serde_json::Value>(&path, &body)
        .await
        .map(drop)
}

/// A key is let in as soon as the workspace has heard of it, and a port answers as soon as a new
/// worker listens on it: a moment after it was added, or it was started.
async fn logged_in(host: &Host) -> anyhow::Result<Open> {
    let begins = Instant::now();
    loop {
        match Open::on(host).await {
            Ok(open) => return Ok(open),
            Err(error) if begins.elapsed() > Duration::from_secs(10) => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
