//! Much at once, and much in one piece.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use nexus_tests::plane::Plane;
use nexus_tests::ssh::{self, Host};
use nexus_tests::ways::{self, WAYS, Way};
use nexus_tests::{docker, require, tool};
use tokio::process::Command;

use super::leaks::Held;
use super::{NO_OPENSSH, make};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn two_hundred_logins_at_once() -> anyhow::Result<()> {
    require!(
        "two_hundred_logins_at_once",
        ssh::is_installed(),
        NO_OPENSSH
    );
    let plane = Plane::start("process").await?;
    let workspace = make(&plane, "many", "process").await?;
    let host = ways::host(&plane, workspace, Way::Pool, &plane.key).await?;
    // The first login of all makes whatever is made once.
    host.run("true").await?.success()?;
    let before = Held::of(&plane, workspace).await?;
    // A file there is the count that does not depend on what the clients believe.
    let mut logins: FuturesUnordered<_> = (0..200)
        .map(|number| {
            let host = host.clone();
            async move {
                let command = format!("echo {number} >> arrived; exit {}", number % 100);
                tool::finish(host.ssh(&[], &[&command]))
                    .await
                    .map(|output| (number, output))
            }
        })
        .collect();
    while let Some(login) = logins.next().await {
        let (number, output) = login?;
        ensure!(output.code == Some(number % 100), "{number}: {output:?}");
    }
    let counted = host.run("sort -u arrived | wc -l; rm arrived").await?;
    ensure!(counted.stdout.trim() == "200", "{counted:?}");
    before.is_all_that_is_held(&plane, workspace).await
}

#[tokio::test]
async fn a_gibibyte_both_ways_keeps_its_hash() -> anyhow::Result<()> {
    const TEST: &str = "a_gibibyte_both_ways_keeps_its_hash";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    let plane = Plane::start("process").await?;
    let workspace = make(&plane, "large", "process").await?;
    for way in WAYS {
        let size = if way == Way::Pool { 1024 } else { 64 };
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        both_ways(&host, size * MIB)
            .await
            .with_context(|| format!("{size} MiB by {}", way.name()))?;
    }
    Ok(())
}

#[tokio::test]
async fn large_copies_into_docker_keep_their_hash() -> anyhow::Result<()> {
    const TEST: &str = "large_copies_into_docker_keep_their_hash";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    require!(
        TEST,
        docker::is_usable().await,
        "no container engine with the base image (./dev image)"
    );
    let plane = Plane::start("docker").await?;
    let workspace = make(&plane, "large", "docker").await?;
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        both_ways(&host, 64 * MIB)
            .await
            .with_context(|| way.name())?;
    }
    Ok(())
}

/// `size` bytes there and as many back; every piece of them is different from every other.
async fn both_ways(host: &Host, size: u64) -> anyhow::Result<()> {
    let source = format!("seq 1 1000000000 | head -c {size}");
    let wanted = tool::run("sh", &["-c", &format!("{source} | sha256sum")]).await?;
    let wanted = wanted.success()?.stdout;
    let there = piped(local(&source), host.ssh(&[], &["sha256sum"])).await?;
    ensure!(there == wanted, "there: {there}, not {wanted}");
    let back = piped(host.ssh(&[], &[&source]), local("sha256sum")).await?;
    ensure!(back == wanted, "back: {back}, not {wanted}");
    Ok(())
}

fn local(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// What `last` prints of what `first` prints, without passing through here.
async fn piped(mut first: Command, mut last: Command) -> anyhow::Result<String> {
    let mut first = first
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let between: Stdio = first.stdout.take().context("a pipe")?.try_into()?;
    let last = last
        .stdin(between)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let limit = std::time::Duration::from_secs(180);
    let output = tokio::time::timeout(limit, last.wait_with_output())
        .await
        .context("it did not end within three minutes")??;
    ensure!(output.status.success(), "{output:?}");
    // `seq` is cut off by `head`, whose own code is the pipe's.
    let ended = first.wait().await?;
    ensure!(ended.success(), "the first of the two ended with {ended}");
    Ok(String::from_utf8(output.stdout)?)
}
