//! The command line against a running control plane, as a person types it.

use anyhow::ensure;
use nexus_tests::plane::Plane;
use nexus_tests::tool;

async fn nexus(plane: &Plane, arguments: &[&str]) -> anyhow::Result<tool::Output> {
    tool::finish(plane.nexus(arguments)?).await
}

#[tokio::test]
async fn a_person_creates_uses_and_deletes_a_workspace() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let created = nexus(
        &plane,
        &["workspace", "create", "desk", "--provider", "process"],
    )
    .await?;
    ensure!(created.code == Some(0), "{created:?}");
    let run = nexus(
        &plane,
        &[
            "workspace",
            "exec",
            "desk",
            "--",
            "sh",
            "-c",
            "echo out; echo err >&2; exit 3",
        ],
    )
    .await?;
    ensure!(run.code == Some(3), "the exit code comes through: {run:?}");
    ensure!(
        (run.stdout.as_str(), run.stderr.as_str()) == ("out\n", "err\n"),
        "streams stay apart: {run:?}"
    );
    let list = nexus(&plane, &["workspace", "list", "--output", "name"])
        .await?
        .success()?;
    ensure!(list.stdout == "desk\n", "{list:?}");
    let stopped = nexus(&plane, &["workspace", "stop", "desk"]).await?;
    ensure!(stopped.code == Some(0), "{stopped:?}");
    let deleted = nexus(&plane, &["workspace", "delete", "desk", "--yes"]).await?;
    ensure!(deleted.code == Some(0), "{deleted:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_said_with_the_next_command() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let missing = nexus(&plane, &["workspace", "status", "nobody"]).await?;
    ensure!(missing.code == Some(3), "{missing:?}");
    ensure!(
        missing.stderr.contains("nobody") && missing.stderr.contains("nexus workspace list"),
        "{missing:?}"
    );
    let mut alone = plane.nexus(&["workspace", "list"])?;
    alone.env("NEXUS_HOME", plane.home().join("elsewhere"));
    let alone = tool::finish(alone).await?;
    ensure!(
        alone.code == Some(7) && alone.stderr.contains("nexus daemon start"),
        "{alone:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_tail_with_a_cursor_is_gapless_over_restarts_of_the_reader() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let cursor = plane.home().join("cursor");
    let tail = [
        "events",
        "tail",
        "--no-follow",
        "--output",
        "ndjson",
        "--cursor",
        &cursor.to_string_lossy(),
    ]
    .map(str::to_owned);
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    let first = nexus(&plane, &tail).await?.success()?.stdout;
    nexus(
        &plane,
        &["workspace", "create", "desk", "--provider", "process"],
    )
    .await?
    .success()?;
    let second = nexus(&plane, &tail).await?.success()?.stdout;
    let sequences: Vec<u64> = (first + &second)
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["sequence"].as_u64()
        })
        .collect();
    let contiguous = sequences.windows(2).all(|pair| pair[1] == pair[0] + 1);
    ensure!(
        sequences.first() == Some(&1) && contiguous && sequences.len() > 8,
        "{sequences:?}"
    );
    Ok(())
}
