//! What a workspace holds: its processes, its listening ports, and what its init keeps open.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::id::WorkspaceId;
use nexus_tests::docker;
use nexus_tests::plane::Plane;

/// What is held at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    processes: Vec<String>,
    ports: Vec<String>,
    descriptors: usize,
}

/// How long the last connection may take to be let go of.
const LET_GO: Duration = Duration::from_secs(15);

impl Held {
    pub(super) async fn of(plane: &Plane, workspace: WorkspaceId) -> anyhow::Result<Self> {
        Ok(Self {
            processes: processes(plane, workspace).await?,
            ports: ports(plane, workspace).await?,
            descriptors: descriptors(init(plane, workspace).await?)?,
        })
    }

    /// The workspace comes back to holding no more than this.
    pub(super) async fn is_all_that_is_held(
        &self,
        plane: &Plane,
        workspace: WorkspaceId,
    ) -> anyhow::Result<()> {
        let begins = std::time::Instant::now();
        loop {
            let now = Self::of(plane, workspace).await?;
            if now.is_no_more_than(self) {
                return Ok(());
            }
            ensure!(
                begins.elapsed() < LET_GO,
                "left over: {now:#?}\nbefore: {self:#?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn is_no_more_than(&self, before: &Self) -> bool {
        self.processes == before.processes
            && self.ports == before.ports
            && self.descriptors <= before.descriptors
    }
}

async fn processes(plane: &Plane, workspace: WorkspaceId) -> anyhow::Result<Vec<String>> {
    let script = "for f in /proc/[0-9]*/comm; do cat $f 2>/dev/null; done";
    let listed = plane.client.exec(workspace, &["sh", "-c", script]).await?;
    let mut names: Vec<_> = listed
        .stdout
        .lines()
        // The listing itself.
        .filter(|name| !matches!(*name, "sh" | "cat"))
        .map(str::to_owned)
        .collect();
    names.sort();
    ensure!(!names.is_empty(), "nothing runs: {listed:?}");
    Ok(names)
}

/// Local addresses of listening sockets (state 0A of `/proc/net/tcp`).
async fn ports(plane: &Plane, workspace: WorkspaceId) -> anyhow::Result<Vec<String>> {
    let script = "cat /proc/net/tcp /proc/net/tcp6";
    let listed = plane.client.exec(workspace, &["sh", "-c", script]).await?;
    let mut listening: Vec<_> = listed
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.get(3) == Some(&"0A"))
        .filter_map(|words| words.get(1).map(|address| (*address).to_owned()))
        .collect();
    listening.sort();
    Ok(listening)
}

/// The process id, on this machine, of the workspace's init.
pub(super) async fn init(plane: &Plane, workspace: WorkspaceId) -> anyhow::Result<u32> {
    if let Some(engine) = docker::engine().await
        && let Some(pid) = engine.first_process(&workspace.to_string()).await?
    {
        return Ok(pid);
    }
    let found = plane.processes("nexus-init")?;
    found.into_iter().max().context("no init runs")
}

/// How many files and sockets a process has open.
pub(super) fn descriptors(pid: u32) -> anyhow::Result<usize> {
    let folder = format!("/proc/{pid}/fd");
    Ok(std::fs::read_dir(&folder)
        .with_context(|| format!("reading {folder}"))?
        .count())
}
