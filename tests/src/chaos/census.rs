//! What there is, counted outside the product: sandboxes by their processes, containers and volumes
//! by the engine's own labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nexus_events::id::WorkspaceId;

use crate::docker::Engine;

/// Everything there is of workspaces, wherever it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// How many machines of each workspace run.
    pub running: BTreeMap<WorkspaceId, usize>,
    /// What is left of each workspace: a machine, a volume or a folder.
    pub kept: BTreeMap<WorkspaceId, String>,
}

impl Census {
    /// Counts what is of any of `ours`: sandboxes of workers below `home`, and whatever the engine
    /// has.
    ///
    /// # Errors
    /// When something cannot be counted.
    pub async fn take(
        home: &Path,
        engine: Option<&Engine>,
        ours: &BTreeSet<WorkspaceId>,
    ) -> anyhow::Result<Self> {
        let mut census = Self::default();
        for (workspace, _) in sandboxes(home)? {
            *census.running.entry(workspace).or_default() += 1;
            census.kept.insert(workspace, "a sandbox".to_owned());
        }
        census.kept.extend(folders(home)?);
        if let Some(engine) = engine {
            for container in engine.labelled_containers().await? {
                if container.running {
                    *census.running.entry(container.workspace).or_default() += 1;
                }
                let what = format!("container {}", container.id);
                census.kept.insert(container.workspace, what);
            }
            for workspace in engine.labelled_volumes().await? {
                let what = || "a volume".to_owned();
                census.kept.entry(workspace).or_insert_with(what);
            }
        }
        census
            .running
            .retain(|workspace, _| ours.contains(workspace));
        census.kept.retain(|workspace, _| ours.contains(workspace));
        Ok(census)
    }

    /// Workspaces of which more than one machine runs.
    pub fn twins(&self) -> Vec<WorkspaceId> {
        let twins = self.running.iter().filter(|(_, count)| **count > 1);
        twins.map(|(workspace, _)| *workspace).collect()
    }
}

/// The first process of each sandbox below `home`: one whose parent is of no sandbox.
///
/// # Errors
/// When the processes cannot be listed.
pub fn sandboxes(home: &Path) -> anyhow::Result<Vec<(WorkspaceId, u32)>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(id) = name.and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while it is looked at.
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        if let Some(workspace) = sandbox_in(home, &String::from_utf8_lossy(&line)) {
            let parent = parent(&path).unwrap_or(0);
            found.insert(id, (workspace, parent));
        }
    }
    let first = found
        .iter()
        .filter(|(_, (_, parent))| !found.contains_key(parent));
    Ok(first
        .map(|(id, (workspace, _))| (*workspace, *id))
        .collect())
}

/// `nexus-init… sandbox --config <home>/…/workspaces/<machine>/config.json`.
fn sandbox_in(home: &Path, line: &str) -> Option<WorkspaceId> {
    let mut words = line.split('\0');
    // The worker's own copy has a digest behind its name.
    let program = Path::new(words.next()?).file_name()?.to_str()?;
    let is_sandbox = program.starts_with("nexus-init") && words.next()? == "sandbox";
    let config = Path::new(words.nth(1)?);
    let of_home = is_sandbox && config.starts_with(home);
    of_home
        .then(|| workspace_of(config.parent()?.file_name()?.to_str()?))
        .flatten()
}

/// The workspace a machine's name ends with.
fn workspace_of(machine: &str) -> Option<WorkspaceId> {
    let start = machine.find("ws-")?;
    machine[start..].parse().ok()
}

/// The folders workers below `home` keep of workspaces, those being removed included.
fn folders(home: &Path) -> anyhow::Result<BTreeMap<WorkspaceId, String>> {
    let mut found = BTreeMap::new();
    for member in std::fs::read_dir(home)? {
        let folder = member?.path().join("workers/process/workspaces");
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(workspace) = name.and_then(workspace_of) {
                let below = path.strip_prefix(home).unwrap_or(&path);
                found.insert(workspace, format!("the folder {}", below.display()));
            }
        }
    }
    Ok(found)
}

fn parent(process: &Path) -> Option<u32> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_known_by_its_command_line() {
        let workspace = WorkspaceId::derived("a");
        let home = Path::new("/tmp/home");
        let line = |folder: &str| {
            format!(
                "/bin/nexus-init-0a1b\0sandbox\0--config\0{folder}/worker-0/workers/process/workspaces/\
                 nexus-{workspace}/config.json\0"
            )
        };
        assert_eq!(sandbox_in(home, &line("/tmp/home")), Some(workspace));
        assert_eq!(sandbox_in(home, &line("/tmp/other")), None);
        assert_eq!(sandbox_in(home, "/bin/cat\0sandbox\0"), None);
    }
}
