//! The control groups init puts a sandbox into: what they tell after its end, and their removal.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ROOT: &str = "/sys/fs/cgroup";

/// Above all groups of ours, in every hierarchy.
const OURS: &str = "nexus";

/// How long the kernel may take to let a killed process go.
const PATIENCE: Duration = Duration::from_secs(3);

/// The groups of this name, in version 1 and 2.
fn groups(name: &str) -> impl Iterator<Item = PathBuf> {
    let hierarchies =
        ["", "memory", "cpu", "pids"].map(|hierarchy| PathBuf::from(ROOT).join(hierarchy));
    let name = name.to_owned();
    hierarchies
        .into_iter()
        .map(move |hierarchy| hierarchy.join(OURS).join(&name))
}

/// Whether the kernel killed something in the sandbox for want of memory.
pub(super) fn ran_out_of_memory(name: &str) -> bool {
    let files = groups(name).flat_map(|group| {
        [
            group.join("memory.oom_control"),
            group.join("memory.events"),
        ]
    });
    files
        .filter_map(|file| fs::read_to_string(file).ok())
        .any(|text| has_kills(&text))
}

fn has_kills(text: &str) -> bool {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.is_some_and(|count| count.trim() != "0")
}

/// Removes the groups of a sandbox that has ended; none there is success.
pub(super) fn remove(name: &str) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for group in groups(name) {
        while let Err(error) = fs::remove_dir(&group) {
            match error.kind() {
                io::ErrorKind::NotFound => break,
                // Its last process is gone for everybody but the kernel's books.
                io::ErrorKind::ResourceBusy if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kills_count() {
        assert!(has_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"));
        assert!(!has_kills("oom_kill_disable 1\nunder_oom 0\noom_kill 0\n"));
        assert!(!has_kills(""));
    }

    #[test]
    fn removing_what_is_not_there_succeeds() {
        remove("no-sandbox-has-this-name").unwrap();
    }
}
