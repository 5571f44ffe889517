//! Limits by control groups, version 1 or 2, where this user may make any.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nexus_init_protocol::sandbox::SandboxLimits;

/// Above all groups of ours.
const PARENT: &str = "nexus";

/// The scheduler's period in microseconds; quotas are told as a part of it.
const PERIOD_US: u64 = 100_000;

/// Which limits the kernel enforces, and the groups it does so by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Enforced {
    pub(super) memory: bool,
    pub(super) cpu: bool,
    pub(super) processes: bool,
    pub(super) groups: Vec<PathBuf>,
}

/// Where controllers are mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hierarchy {
    /// One for all.
    Unified(PathBuf),
    /// One for each, as far as there are any.
    Apart { memory: Option<PathBuf>, cpu: Option<PathBuf>, pids: Option<PathBuf> },
}

/// Puts a process into groups of its own. What cannot be enforced is left out.
pub(super) fn limit(name: &str, process: u32, limits: &SandboxLimits) -> Enforced {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    match Hierarchy::find(&mounts) {
        Hierarchy::Unified(root) => limit_unified(&root, name, process, limits),
        Hierarchy::Apart { memory, cpu, pids } => {
            let mut enforced = Enforced::default();
            let mut group = |root: &Option<PathBuf>, settings: Settings| {
                let group = root.as_ref()?.join(PARENT).join(name);
                enter_group(&group, process, &settings).ok()?;
                enforced.groups.push(group);
                (!settings.is_empty()).then_some(())
            };
            let memory = group(&memory, v1_memory(limits)).is_some();
            let cpu = group(&cpu, v1_cpu(limits)).is_some();
            let processes = group(&pids, pids_max(limits)).is_some();
            Enforced { memory, cpu, processes, ..enforced }
        }
    }
}

/// Which limits could be enforced, without making anything that stays.
pub(super) fn possible() -> Enforced {
    let name = format!("probe-{}", std::process::id());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let can_make = |root: &Path| {
        let group = root.join(PARENT).join(&name);
        let made = fs::create_dir_all(&group).is_ok();
        made && fs::remove_dir(&group).is_ok()
    };
    let has = |root: &Option<PathBuf>| root.as_deref().is_some_and(can_make);
    match Hierarchy::find(&mounts) {
        Hierarchy::Unified(root) => {
            let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
            let usable = |name| can_make(&root) && controllers.split_whitespace().any(|c| c == name);
            let (memory, cpu, processes) = (usable("memory"), usable("cpu"), usable("pids"));
            Enforced { memory, cpu, processes, groups: Vec::new() }
        }
        Hierarchy::Apart { memory, cpu, pids } => {
            let (memory, cpu, processes) = (has(&memory), has(&cpu), has(&pids));
            Enforced { memory, cpu, processes, groups: Vec::new() }
        }
    }
}

type Settings = Vec<(&'static str, String)>;

fn v1_memory(limits: &SandboxLimits) -> Settings {
    limits.memory_bytes.map(|bytes| ("memory.limit_in_bytes", bytes.to_string())).into_iter().collect()
}

fn v1_cpu(limits: &SandboxLimits) -> Settings {
    let Some(quota) = quota_us(limits) else { return Settings::new() };
    vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
}

fn pids_max(limits: &SandboxLimits) -> Settings {
    limits.processes.map(|count| ("pids.max", count.to_string())).into_iter().collect()
}

fn quota_us(limits: &SandboxLimits) -> Option<u64> {
    limits.cpu_milli.map(|milli| (u64::from(milli) * PERIOD_US / 1000).max(1000))
}

fn limit_unified(root: &Path, name: &str, process: u32, limits: &SandboxLimits) -> Enforced {
    let parent = root.join(PARENT);
    let group = parent.join(name);
    if fs::create_dir_all(&group).is_err() {
        return Enforced::default();
    }
    let hand_down = |controller: &str| {
        let line = format!("+{controller}");
        [root, &parent].iter().all(|at| fs::write(at.join("cgroup.subtree_control"), &line).is_ok())
    };
    let set = |controller: &str, settings: Settings| {
        let write = |(file, value): &(&str, String)| fs::write(group.join(file), value).is_ok();
        !settings.is_empty() && hand_down(controller) && settings.iter().all(write)
    };
    let memory = limits.memory_bytes.map(|bytes| ("memory.max", bytes.to_string()));
    let cpu = quota_us(limits).map(|quota| ("cpu.max", format!("{quota} {PERIOD_US}")));
    let enforced = Enforced {
        memory: set("memory", memory.into_iter().collect()),
        cpu: set("cpu", cpu.into_iter().collect()),
        processes: set("pids", pids_max(limits)),
        groups: vec![group.clone()],
    };
    match fs::write(group.join("cgroup.procs"), process.to_string()) {
        Ok(()) => enforced,
        Err(_) => Enforced::default(),
    }
}

fn enter_group(group: &Path, process: u32, settings: &Settings) -> io::Result<()> {
    fs::create_dir_all(group)?;
    for (file, value) in settings {
        fs::write(group.join(file), value)?;
    }
    fs::write(group.join("cgroup.procs"), process.to_string())
}

impl Hierarchy {
    fn find(mounts: &str) -> Self {
        let lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let groups: Vec<_> = lines.filter(|line| line.len() >= 4).collect();
        let with = |controller: &str| {
            let has = |line: &&Vec<&str>| {
                line[2] == "cgroup" && line[3].split(',').any(|option| option == controller)
            };
            groups.iter().find(has).map(|line| PathBuf::from(line[1]))
        };
        let (memory, cpu, pids) = (with("memory"), with("cpu"), with("pids"));
        let unified = groups.iter().find(|line| line[2] == "cgroup2");
        match unified {
            Some(line) if memory.is_none() && cpu.is_none() && pids.is_none() => {
                Self::Unified(PathBuf::from(line[1]))
            }
            _ => Self::Apart { memory, cpu, pids },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_one_wins_where_both_are_mounted() {
        let v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
            cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let apart = Hierarchy::Apart {
            memory: Some("/sys/fs/cgroup/memory".into()),
            cpu: Some("/sys/fs/cgroup/cpu".into()),
            pids: None,
        };
        assert_eq!(Hierarchy::find(&format!("{v1}{v2}")), apart);
        assert_eq!(Hierarchy::find(v2), Hierarchy::Unified("/sys/fs/cgroup".into()));
    }

    #[test]
    fn a_quota_is_a_part_of_the_period() {
        let limits = SandboxLimits { cpu_milli: Some(1500), ..SandboxLimits::default() };
        assert_eq!(quota_us(&limits), Some(150_000));
        assert!(v1_memory(&limits).is_empty());
    }
}
