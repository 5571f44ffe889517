//! Hard limits by control groups, where this user may make them: version 1 or 2.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_init_protocol::sandbox::{SandboxConfig, SandboxLimits};

const ROOT: &str = "/sys/fs/cgroup";
const OURS: &str = "nexus";
/// Length in microseconds of the span in which processor time is counted.
const PERIOD_US: u64 = 100_000;

/// A group that is older and empty is left over.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// What is limited.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    pub(super) memory: bool,
    pub(super) cpu: bool,
    pub(super) processes: bool,
    pub(super) notes: Vec<String>,
}

/// One limit: its controller, its file and its value in each version.
struct Limit {
    controller: &'static str,
    file_v1: &'static str,
    value_v1: String,
    file_v2: &'static str,
    value_v2: String,
}

impl Cgroups {
    /// Makes `nexus/<directory name>` in each hierarchy that can be written, sets the limits and puts
    /// the process there. Where that is not allowed, it is noted and the sandbox goes without.
    pub(super) fn make(config: &SandboxConfig, process_id: u32) -> Self {
        let name = config.directory.file_name().unwrap_or_default();
        let version2 = Path::new(ROOT).join("cgroup.controllers").exists();
        let mut made = Self::default();
        for parent in parents(version2) {
            sweep(&parent);
        }
        for limit in wanted(&config.limits) {
            let result = match version2 {
                true => limit.set_v2(Path::new(ROOT), name.as_ref(), process_id),
                false => limit.set_v1(Path::new(ROOT), name.as_ref(), process_id),
            };
            match result {
                Ok(()) => made.note_set(limit.controller),
                Err(error) => made
                    .notes
                    .push(format!("no hard limit by {}: {error}", limit.controller)),
            }
        }
        made
    }

    /// Whether limits could be set by this user.
    pub(super) fn probe() -> Self {
        let is_writable =
            |path: PathBuf| rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_ok();
        let version2 = Path::new(ROOT).join("cgroup.controllers").exists();
        let has = |controller: &str| match version2 {
            true => is_writable(PathBuf::from(ROOT).join("cgroup.subtree_control")),
            false => is_writable(PathBuf::from(ROOT).join(controller)),
        };
        let mut found = Self::default();
        for controller in ["memory", "cpu", "pids"] {
            match has(controller) {
                true => found.note_set(controller),
                false => found
                    .notes
                    .push(format!("no hard limit by {controller}: not writable")),
            }
        }
        found
    }

    fn note_set(&mut self, controller: &str) {
        match controller {
            "memory" => self.memory = true,
            "cpu" => self.cpu = true,
            _ => self.processes = true,
        }
    }
}

fn parents(version2: bool) -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    match version2 {
        true => vec![root.join(OURS)],
        false => ["memory", "cpu", "pids"]
            .map(|name| root.join(name).join(OURS))
            .to_vec(),
    }
}

/// Removes groups of sandboxes that are gone: nobody is left inside to do it. The kernel refuses where
/// there are processes; a group that was made just now may be waiting for its first.
fn sweep(parent: &Path) {
    let Ok(groups) = fs::read_dir(parent) else {
        return;
    };
    for group in groups.flatten().filter(|entry| entry.path().is_dir()) {
        let made = group.metadata().and_then(|found| found.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        if age.is_some_and(|age| age > SETTLED_AFTER) {
            let _in_use = fs::remove_dir(group.path());
        }
    }
}

fn wanted(limits: &SandboxLimits) -> Vec<Limit> {
    let memory = limits.memory_bytes.map(|bytes| Limit {
        controller: "memory",
        file_v1: "memory.limit_in_bytes",
        value_v1: bytes.to_string(),
        file_v2: "memory.max",
        value_v2: bytes.to_string(),
    });
    let cpu = limits.cpu_milli.map(|milli| {
        let quota = u64::from(milli) * PERIOD_US / 1000;
        Limit {
            controller: "cpu",
            file_v1: "cpu.cfs_quota_us",
            value_v1: quota.to_string(),
            file_v2: "cpu.max",
            value_v2: format!("{quota} {PERIOD_US}"),
        }
    });
    let processes = limits.processes.map(|count| Limit {
        controller: "pids",
        file_v1: "pids.max",
        value_v1: count.to_string(),
        file_v2: "pids.max",
        value_v2: count.to_string(),
    });
    memory.into_iter().chain(cpu).chain(processes).collect()
}

impl Limit {
    fn set_v1(&self, root: &Path, name: &Path, process_id: u32) -> io::Result<()> {
        let group = root.join(self.controller).join(OURS).join(name);
        fs::create_dir_all(&group)?;
        fs::write(group.join(self.file_v1), &self.value_v1)?;
        fs::write(group.join("cgroup.procs"), process_id.to_string())
    }

    fn set_v2(&self, root: &Path, name: &Path, process_id: u32) -> io::Result<()> {
        let ours = root.join(OURS);
        let group = ours.join(name);
        fs::create_dir_all(&group)?;
        for parent in [root, &ours] {
            fs::write(
                parent.join("cgroup.subtree_control"),
                format!("+{}", self.controller),
            )?;
        }
        fs::write(group.join(self.file_v2), &self.value_v2)?;
        fs::write(group.join("cgroup.procs"), process_id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_their_form_in_both_versions() {
        let limits = wanted(&SandboxLimits {
            memory_bytes: Some(1 << 30),
            cpu_milli: Some(1500),
            processes: Some(100),
            open_files: None,
        });
        let values: Vec<_> = limits
            .iter()
            .map(|limit| (limit.value_v1.as_str(), limit.value_v2.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("1073741824", "1073741824"),
                ("150000", "150000 100000"),
                ("100", "100")
            ]
        );
        assert!(wanted(&SandboxLimits::default()).is_empty());
    }
}
