//! Which user ids exist inside, and how they come to be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use nexus_init_protocol::sandbox::IdMode;

/// What a distribution needs: system users, people, and `nobody` at 65534.
const WANTED: u64 = 65_536;

/// How this user's sandboxes get their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ids {
    /// The host's own.
    Root,
    /// A range of the host's ids that belongs to this user.
    Subordinate {
        users: Range,
        groups: Range,
    },
    /// This user's own id, as root, and no other.
    Single,
}

/// Ids of the host, from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u64,
    count: u64,
}

impl Ids {
    /// The best there is for whoever runs this.
    pub(super) fn of_this_user() -> Self {
        let user = rustix::process::geteuid();
        if user.is_root() {
            return Self::Root;
        }
        let name = name_of(user.as_raw());
        let range = |file: &str| {
            let text = fs::read_to_string(file).ok()?;
            range_of(&text, &name, user.as_raw())
        };
        let tools = ["newuidmap", "newgidmap"].map(find);
        match (range("/etc/subuid"), range("/etc/subgid"), tools) {
            (Some(users), Some(groups), [Some(_), Some(_)]) => Self::Subordinate { users, groups },
            _ => Self::Single,
        }
    }

    pub(super) fn mode(&self) -> IdMode {
        match self {
            Self::Root => IdMode::Root,
            Self::Subordinate { .. } => IdMode::Subordinate,
            Self::Single => IdMode::Single,
        }
    }

    /// Gives a process that has just left for a user namespace of its own its ids.
    pub(super) fn map(&self, process: u32) -> anyhow::Result<()> {
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        match self {
            Self::Root => Ok(()),
            Self::Subordinate { users, groups } => {
                map_by("newuidmap", process, user, *users)?;
                map_by("newgidmap", process, group, *groups)
            }
            Self::Single => {
                let file = |name: &str| format!("/proc/{process}/{name}");
                write(&file("setgroups"), "deny")?;
                write(&file("uid_map"), &format!("0 {user} 1"))?;
                write(&file("gid_map"), &format!("0 {group} 1"))
            }
        }
    }
}

fn map_by(tool: &str, process: u32, own: u32, range: Range) -> anyhow::Result<()> {
    let program = find(tool).with_context(|| format!("{tool} is not installed (package uidmap)"))?;
    let count = range.count.min(WANTED - 1);
    let numbers = [u64::from(process), 0, u64::from(own), 1, 1, range.first, count];
    let mut command = Command::new(program);
    command.args(numbers.map(|number| number.to_string())).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("running {tool}"))?;
    if !output.status.success() {
        bail!("{tool}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn write(path: &str, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {path}"))
}

fn name_of(user: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = entries.find(|entry| entry.get(2).and_then(|id| id.parse().ok()) == Some(user));
    found.map(|entry| entry[0].to_owned()).unwrap_or_default()
}

/// The first range of a user that is large enough for a distribution.
fn range_of(text: &str, name: &str, user: u32) -> Option<Range> {
    let number = user.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let whose = fields.next()?;
        let range = Range {
            first: fields.next()?.parse().ok()?,
            count: fields.next()?.parse().ok()?,
        };
        let is_ours = whose == number || (!name.is_empty() && whose == name);
        (is_ours && range.count >= WANTED - 1).then_some(range)
    })
}

/// Where a program of the host is.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(usual);
    folders.map(|folder| folder.join(program)).find(|file: &PathBuf| Path::is_file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_found_by_name_or_number_and_has_to_be_large() {
        let text = "other:100000:65536\nann:165536:10\n1001:231072:65536\nann:300000:65536\n";
        let found = |name: &str, user| range_of(text, name, user).map(|range| range.first);
        assert_eq!(found("ann", 1000), Some(300_000));
        assert_eq!(found("", 1001), Some(231_072));
        assert_eq!(found("bob", 1002), None);
    }
}
