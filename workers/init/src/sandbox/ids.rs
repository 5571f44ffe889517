//! User ids of a sandbox: the host's own as root, else those of a user namespace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use nexus_init_protocol::sandbox::IdMode;
use rustix::process::{Gid, Uid, getegid, geteuid};

/// Fewer subordinate ids than this do not hold a usual `/etc/passwd`.
const ENOUGH: u32 = 65_536;

/// One line of `/etc/subuid` or `/etc/subgid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u32,
    count: u32,
}

/// The best there is for this user.
pub(super) fn choose() -> IdMode {
    if geteuid().is_root() {
        return IdMode::Root;
    }
    let has = |program: &str| find_program(program).is_some();
    let is_granted = subordinate("/etc/subuid").is_some() && subordinate("/etc/subgid").is_some();
    match has("newuidmap") && has("newgidmap") && is_granted {
        true => IdMode::Subordinate,
        false => IdMode::Single,
    }
}

/// Maps the ids of a process that has just made its user namespace.
pub(super) fn map(process_id: u32, mode: IdMode) -> anyhow::Result<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    match mode {
        IdMode::Root => Ok(()),
        IdMode::Subordinate => {
            map_range("newuidmap", "/etc/subuid", process_id, uid)?;
            map_range("newgidmap", "/etc/subgid", process_id, gid)
        }
        IdMode::Single => {
            let write = |file: &str, text: String| {
                let path = format!("/proc/{process_id}/{file}");
                fs::write(&path, text).with_context(|| format!("writing {path}"))
            };
            write("setgroups", "deny".to_owned())?;
            write("uid_map", format!("0 {uid} 1\n"))?;
            write("gid_map", format!("0 {gid} 1\n"))
        }
    }
}

fn map_range(program: &str, file: &str, process_id: u32, own: u32) -> anyhow::Result<()> {
    let range = subordinate(file).with_context(|| format!("{file} grants this user nothing"))?;
    let path = find_program(program).with_context(|| format!("{program} is not installed"))?;
    let Range { first, count } = range;
    let numbers = [process_id, 0, own, 1, 1, first, count].map(|number| number.to_string());
    let output = Command::new(path)
        .args(numbers)
        .stdin(Stdio::null())
        .output();
    let output = output.with_context(|| format!("running {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", said.trim());
    Ok(())
}

/// After the mapping: root of the namespace, without groups of the host where that is allowed.
pub(super) fn become_root(mode: IdMode) -> rustix::io::Result<()> {
    if mode == IdMode::Subordinate {
        rustix::thread::set_thread_groups(&[])?;
    }
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
}

fn subordinate(file: &str) -> Option<Range> {
    let uid = geteuid().as_raw().to_string();
    let name = name_of(&uid);
    let text = fs::read_to_string(file).ok()?;
    parse(&text, name.as_deref(), &uid)
}

fn parse(text: &str, name: Option<&str>, uid: &str) -> Option<Range> {
    let ranges = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let first = fields.next()?.parse().ok()?;
        let count = fields.next()?.trim().parse().ok()?;
        (Some(owner) == name || owner == uid).then_some(Range { first, count })
    });
    ranges
        .filter(|range| range.count >= ENOUGH)
        .max_by_key(|range| range.count)
}

fn name_of(uid: &str) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let mut entries = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|entry| entry.get(2) == Some(&uid))?;
    entry.first().map(|name| (*name).to_owned())
}

/// A program in `PATH` or where distributions put it.
pub(super) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
    let places = path
        .split(':')
        .filter(|place| place.starts_with('/'))
        .chain(usual);
    places
        .map(|place| Path::new(place).join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_own_range_counts() {
        let text = "other:1:900000\nme:100000:65536\n7:300000:70000\nme:5:10\nbroken\nme:x:y\n";
        let range = |first, count| Some(Range { first, count });
        assert_eq!(parse(text, Some("me"), "8"), range(100_000, 65_536));
        assert_eq!(parse(text, Some("me"), "7"), range(300_000, 70_000));
        assert_eq!(parse(text, None, "8"), None);
        assert_eq!(parse("me:5:10\n", Some("me"), "8"), None, "too few");
    }
}
