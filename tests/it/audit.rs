//! The past of a running Nexus, asked with the command line: explained, replayed, verified,
//! exported, restored.

use std::path::Path;

use anyhow::{Context as _, ensure};
use nexus_tests::binaries;
use nexus_tests::plane::Plane;
use nexus_tests::tool;
use serde_json::Value;

async fn nexus(plane: &Plane, arguments: &[&str]) -> anyhow::Result<tool::Output> {
    tool::finish(plane.nexus(arguments)?).await
}

async fn json(plane: &Plane, arguments: &[&str]) -> anyhow::Result<Value> {
    let all: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
    let printed = nexus(plane, &all).await?.success()?.stdout;
    serde_json::from_str(&printed).with_context(|| format!("{arguments:?}: {printed}"))
}

/// A workspace that was made, used, stopped, started and deleted, with one request refused; and
/// what the API said while it was stopped.
async fn lived() -> anyhow::Result<(Plane, Value, Value)> {
    let plane = Plane::start("process").await?;
    let create = ["workspace", "create", "desk", "--provider", "process"];
    nexus(&plane, &create).await?.success()?;
    nexus(&plane, &["workspace", "stop", "desk"])
        .await?
        .success()?;
    let list = json(&plane, &["workspace", "list"]).await?;
    let nodes = json(&plane, &["node", "list"]).await?;
    nexus(&plane, &["workspace", "start", "desk"])
        .await?
        .success()?;
    let refused = nexus(&plane, &["workspace", "stop", "nobody"]).await?;
    ensure!(refused.code == Some(3), "{refused:?}");
    let delete = ["workspace", "delete", "desk", "--yes"];
    nexus(&plane, &delete).await?.success()?;
    Ok((plane, list, nodes))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn what_is_gone_is_explained_and_shown_as_it_was() -> anyhow::Result<()> {
    let (plane, list, mut nodes) = lived().await?;
    let why = nexus(&plane, &["why", "desk"]).await?.success()?.stdout;
    for word in [
        "create by",
        "delete by",
        "workspace.requested",
        "workspace.step_succeeded",
        "workspace.deleted",
        "claim.released",
    ] {
        ensure!(why.contains(word), "{word} is not in\n{why}");
    }
    let checked = nexus(&plane, &["why", "--verify"]).await?.success()?;
    ensure!(
        checked.stdout.contains("every cause is there"),
        "{checked:?}"
    );
    // One request is the root of all that a command led to.
    let explained = json(&plane, &["why", "desk"]).await?;
    let requests = explained["requests"].as_array().context("requests")?;
    let creation = &requests[0];
    let operation = &creation["effects"][2]["data"]["requested"]["operation"]["id"];
    let operation = operation.as_str().with_context(|| creation.to_string())?;
    let one = json(&plane, &["why", operation]).await?;
    ensure!(one["requests"][0] == *creation, "{one}");

    let sequence = list["sequence"].as_u64().context("a sequence")?;
    let then = ["replay", "--seq", &sequence.to_string()];
    let replayed = json(&plane, &then).await?;
    ensure!(replayed == list, "replayed:\n{replayed:#}\nlive:\n{list:#}");
    // What only a heartbeat tells is in no log.
    for node in nodes["items"].as_array_mut().context("nodes")? {
        let node = node.as_object_mut().context("a node")?;
        node.remove("last_heard");
        node.insert("running".into(), Value::Array(Vec::new()));
    }
    let show = [&then[..], &["--show", "nodes"]].concat();
    let replayed = json(&plane, &show).await?;
    ensure!(
        replayed["items"] == nodes["items"],
        "{replayed:#}\n{nodes:#}"
    );
    let now = json(&plane, &["workspace", "list"]).await?;
    ensure!(
        now["items"] == Value::Array(Vec::new()),
        "it is gone by now"
    );

    let slo = nexus(&plane, &["slo", "--since", "1h"])
        .await?
        .success()?
        .stdout;
    ensure!(slo.contains("process   operation  create"), "{slo}");
    let idle = nexus(&plane, &["idle", "why", "desk"])
        .await?
        .success()?
        .stdout;
    ensure!(idle.contains("deleted"), "{idle}");
    let policy = ["what-if", "--policy", "idle=5m"];
    let (first, second) = (json(&plane, &policy).await?, json(&plane, &policy).await?);
    ensure!(first == second && first[0]["name"] == "desk", "{first}");
    let verified = nexus(&plane, &["projection", "verify"]).await?.success()?;
    ensure!(verified.stdout.contains("timeline"), "{verified:?}");
    let upgraded = nexus(&plane, &["projection", "upgrade"]).await?;
    ensure!(upgraded.code == Some(0), "{upgraded:?}");
    let back = nexus(&plane, &["projection", "upgrade", "--rollback"]).await?;
    ensure!(back.code == Some(0), "{back:?}");
    let parked = json(&plane, &["parked", "list"]).await?;
    ensure!(parked["items"] == Value::Array(Vec::new()), "{parked}");
    Ok(())
}

#[tokio::test]
async fn a_changed_byte_is_named_and_an_incident_decides_the_same() -> anyhow::Result<()> {
    let (plane, ..) = lived().await?;
    let file = plane.home().join("log.ndjson");
    let path = text(&file);
    nexus(&plane, &["audit", "export", "--out", &path])
        .await?
        .success()?;
    for arguments in [
        &["audit", "verify"][..],
        &["audit", "verify", &path],
        &["audit", "verify", &path, "--live"],
        &["replay", "--assert"],
        &["replay", &path, "--assert"],
        &["why", "desk", "--file", &path],
    ] {
        let ran = nexus(&plane, arguments).await?;
        ensure!(ran.code == Some(0), "{arguments:?}: {ran:?}");
    }
    let whole = std::fs::read_to_string(&file)?;
    ensure!(
        whole.contains("/api/v1/workspaces/nobody/stop"),
        "the refusal is there"
    );
    // One digit of a duration, which every reader would believe.
    let line = whole.lines().find(|line| line.contains("step_succeeded"));
    let line = line.context("a step succeeded")?;
    let told: Value = serde_json::from_str(line)?;
    let sequence = told["event"]["sequence"].as_u64().context("a sequence")?;
    let (before, after) = line.split_once("\"duration_ms\":").context("a duration")?;
    let digit = if after.starts_with('9') { "8" } else { "9" };
    let other = format!("{before}\"duration_ms\":{digit}{}", &after[1..]);
    std::fs::write(&file, whole.replace(line, &other))?;
    let ran = nexus(&plane, &["audit", "verify", &path, "-o", "json"]).await?;
    let report: Value = serde_json::from_str(&ran.stdout)?;
    ensure!(ran.code == Some(1), "{ran:?}");
    let faults = report["faults"].as_array().context("faults")?;
    ensure!(
        faults.len() == 1 && faults[0]["sequence"] == sequence,
        "{report}"
    );
    let beside = ["audit", "verify", &path, "--live", "-o", "name"];
    let beside = nexus(&plane, &beside).await?;
    ensure!(
        beside.stdout == format!("{sequence}\n{sequence}\n"),
        "{beside:?}"
    );

    let capsule = plane.home().join("incident.ndjson");
    let capsule = text(&capsule);
    let around = sequence.to_string();
    let export = ["incident", "export", "--around", &around, "--out", &capsule];
    nexus(&plane, &export).await?.success()?;
    let content = std::fs::read_to_string(&capsule)?;
    ensure!(
        !content.contains("desk") && content.contains("redacted"),
        "{content}"
    );
    let again = nexus(&plane, &["replay", &capsule, "--assert"]).await?;
    ensure!(
        again.code == Some(0) && again.stdout.contains("all the same"),
        "{again:?}"
    );
    let missing = nexus(&plane, &["incident", "export", "--around", "999999"]).await?;
    ensure!(missing.code == Some(3), "{missing:?}");
    Ok(())
}

#[tokio::test]
async fn a_backup_becomes_the_same_log_in_an_empty_home() -> anyhow::Result<()> {
    let (plane, ..) = lived().await?;
    let file = plane.home().join("backup.ndjson");
    let path = text(&file);
    nexus(&plane, &["backup", &path]).await?.success()?;
    let again = nexus(&plane, &["backup", &path]).await?;
    ensure!(
        again.code == Some(5),
        "a backup is never written over: {again:?}"
    );
    let live = nexus(&plane, &["audit", "verify", &path, "--live"]).await?;
    ensure!(live.code == Some(0), "{live:?}");

    let home = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
    let restore = |file: &str, home: &Path| -> anyhow::Result<_> {
        let mut command = tokio::process::Command::new(binaries::binary("nexusd")?);
        command.args(["restore", file]).env("NEXUS_HOME", home);
        Ok(command)
    };
    let cut = plane.home().join("cut.ndjson");
    let whole = std::fs::read_to_string(&file)?;
    let lines: Vec<&str> = whole.lines().collect();
    std::fs::write(&cut, lines[..lines.len() - 2].join("\n") + "\n")?;
    let refused = tool::finish(restore(&text(&cut), home.path())?).await?;
    ensure!(
        refused.code == Some(1),
        "a cut file is not restored: {refused:?}"
    );
    tool::finish(restore(&path, home.path())?)
        .await?
        .success()?;
    let twice = tool::finish(restore(&path, home.path())?).await?;
    ensure!(twice.code == Some(1), "never over a log: {twice:?}");

    std::fs::copy(
        plane.home().join("master.key"),
        home.path().join("master.key"),
    )?;
    let restored = Plane::in_home(home, "none").await?;
    let beside = nexus(&restored, &["audit", "verify", &path, "--live"]).await?;
    ensure!(beside.code == Some(0), "{beside:?}");
    let users = json(&restored, &["user", "list"]).await?;
    ensure!(
        users.to_string().contains("\"alice\""),
        "who they are came along: {users}"
    );
    let why = nexus(&restored, &["why", "desk"]).await?.success()?;
    ensure!(why.stdout.contains("delete by"), "{why:?}");
    Ok(())
}
