//! Work that goes on after a person left: what they started and is still busy.
//!
//! A process counts when it, or an ancestor below init, bears the mark that everything started by a
//! person bears; services and set-up bear none. Looked at now and then, by the processor time used
//! since the last look.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::ActivitySource;

use crate::context::BY_PERSON;
use crate::workspace::Workspace;

/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(30);
const SHORTEST_LOOK: Duration = Duration::from_millis(50);
/// Hundredths of one processor below which waiting programs stay: shells, editors' servers.
const BUSY_PERCENT: u64 = 5;
/// The unit of processor time in /proc on every architecture: a hundredth of a second.
const TICK_MS: u64 = 10;
/// Deepest chain of parents that is followed.
const DEPTH: usize = 64;

/// One process at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    parent: u32,
    /// With its number it names a process for ever.
    started: u64,
    /// Ticks used by it and by children it has waited for.
    used: u64,
    by_person: bool,
}

type Look = HashMap<u32, Seen>;

/// Notes activity of the source `process` for as long as there is any; never ends.
pub(crate) async fn watch(workspace: Arc<Workspace>) {
    let init = std::process::id();
    let mut before = Look::new();
    loop {
        let pause = workspace.activity.interval() / 4;
        let pause = match pause.is_zero() {
            true => LOOK,
            false => pause.clamp(SHORTEST_LOOK, LOOK),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = workspace.activity.interval_set() => continue,
        }
        let now = look(&before);
        if used_by_persons(&before, &now, init) >= busy_ticks(pause) {
            workspace.note_activity(ActivitySource::Process, 1);
        }
        before = now;
    }
}

fn busy_ticks(pause: Duration) -> u64 {
    let elapsed = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    (elapsed / TICK_MS * BUSY_PERCENT / 100).max(1)
}

/// Ticks used since the look before by what persons started below init.
fn used_by_persons(before: &Look, now: &Look, init: u32) -> u64 {
    let work = now
        .iter()
        .filter(|(id, _)| is_persons(now, **id, init))
        .map(|(id, seen)| {
            let known = before.get(id).filter(|old| old.started == seen.started);
            seen.used.saturating_sub(known.map_or(0, |old| old.used))
        });
    work.sum()
}

/// Whether a process descends from init, through one that bears the mark or is it.
fn is_persons(now: &Look, id: u32, init: u32) -> bool {
    let mut at = id;
    let mut is_marked = false;
    for _generation in 0..DEPTH {
        let Some(seen) = now.get(&at) else {
            return false;
        };
        is_marked |= seen.by_person;
        if seen.parent == init {
            return is_marked;
        }
        at = seen.parent;
    }
    false
}

/// Every process there is. The mark of one that was seen before is not read again.
fn look(before: &Look) -> Look {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Look::new();
    };
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let mut seen = parse(&stat)?;
        let known = before.get(&id).filter(|old| old.started == seen.started);
        seen.by_person = known.map_or_else(|| bears_mark(id), |old| old.by_person);
        Some((id, seen))
    })
    .collect()
}

fn bears_mark(id: u32) -> bool {
    let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|variable| {
        let rest = variable.strip_prefix(BY_PERSON.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"="))
    })
}

/// Reads a line of `/proc/PID/stat`; the name in it may hold anything, so what follows it counts.
fn parse(stat: &str) -> Option<Seen> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Seen {
        parent: fields.get(1)?.parse().ok()?,
        started: number(19)?,
        used: number(11)? + number(12)? + number(13)? + number(14)?,
        by_person: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(parent: u32, used: u64, by_person: bool) -> Seen {
        Seen {
            parent,
            started: 1,
            used,
            by_person,
        }
    }

    #[test]
    fn what_persons_started_counts_with_its_children_and_services_do_not() {
        let before: Look = [
            (2, process(1, 100, true)),
            (3, process(1, 500, false)),
            (9, process(8, 5, true)),
        ]
        .into();
        let mut now = before.clone();
        assert_eq!(used_by_persons(&before, &now, 1), 0, "nothing moved");
        now.insert(3, process(1, 900, false));
        assert_eq!(used_by_persons(&before, &now, 1), 0, "a service");
        now.insert(9, process(8, 500, true));
        assert_eq!(used_by_persons(&before, &now, 1), 0, "another init's");
        now.insert(2, process(1, 130, true));
        assert_eq!(used_by_persons(&before, &now, 1), 30);
        now.insert(4, process(2, 7, false));
        assert_eq!(
            used_by_persons(&before, &now, 1),
            37,
            "a child without a mark"
        );
        let reused = Seen {
            started: 2,
            ..process(1, 20, true)
        };
        now.insert(2, reused);
        now.remove(&4);
        assert_eq!(used_by_persons(&before, &now, 1), 20, "a number used again");
    }

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_name() {
        let line = "77 (a) b (c)) S 5 77 77 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 12345 1 2";
        let seen = parse(line).unwrap();
        assert_eq!((seen.parent, seen.used, seen.started), (5, 100, 12_345));
        assert_eq!(parse("77 (x"), None);
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(parse(&own).is_some());
    }

    #[test]
    fn waiting_is_no_work_and_short_looks_see_a_tick() {
        assert_eq!(busy_ticks(LOOK), 150);
        assert_eq!(busy_ticks(SHORTEST_LOOK), 1);
    }
}
