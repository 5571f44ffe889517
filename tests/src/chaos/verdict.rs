//! What must be so after everything went wrong that could: judged by the log and by what was counted
//! outside.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::workspace::Phase;

use super::census::Census;
use super::history::History;

/// After a deadline, so long may pass until somebody looks.
const LOOK: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);
/// The shortest time after which a workspace counts as idle.
const IDLE: Duration = Duration::from_secs(10 * 60 - 30);

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Violation {
    /// In these words.
    pub fn of(text: String) -> Self {
        Self(text)
    }
}

/// Every accepted command has exactly one outcome, within its deadline; nothing ended because a
/// clock was off.
pub fn operations(
    history: &History,
    accepted: &BTreeMap<OperationId, WorkspaceId>,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (operation, workspace) in accepted {
        if !history.operations.contains_key(operation) {
            let text = format!("{operation} of {workspace} was accepted and is not in the log");
            found.push(Violation::of(text));
        }
    }
    for (operation, told) in &history.operations {
        let workspace = told.workspace;
        let text = match told.ends.as_slice() {
            [] => Some(format!("{operation} of {workspace} has not ended")),
            [(how, at)] if *at > told.deadline + LOOK => Some(format!(
                "{operation} of {workspace} {how} at {at}, after {}",
                told.deadline
            )),
            [(_, at)] if told.timed_out && *at < told.deadline => Some(format!(
                "{operation} of {workspace} was called overdue at {at}, before {}",
                told.deadline
            )),
            [_] => None,
            several => Some(format!(
                "{operation} of {workspace} ended more than once: {several:?}"
            )),
        };
        found.extend(text.map(Violation::of));
    }
    for (workspace, ago) in &history.idle_stops {
        if *ago < IDLE {
            let text = format!(
                "{workspace} was called idle {} s after its use",
                ago.as_secs()
            );
            found.push(Violation::of(text));
        }
    }
    found
}

/// What runs is what the log says: one machine of each workspace that is up, none of any other.
pub fn machines(history: &History, census: &Census) -> Vec<Violation> {
    let mut found = Vec::new();
    for workspace in census.twins() {
        found.push(Violation::of(format!("{workspace} runs more than once")));
    }
    for (workspace, state) in &history.workspaces {
        let runs = census.running.contains_key(workspace);
        let left = census
            .kept
            .get(workspace)
            .map_or("a machine", String::as_str);
        match state.phase {
            Phase::Running if !runs => {
                found.push(Violation::of(format!(
                    "{workspace} is up and nothing of it runs"
                )));
            }
            Phase::Stopped if runs => {
                found.push(Violation::of(format!("{workspace} is stopped and runs")));
            }
            Phase::Deleted if runs || census.kept.contains_key(workspace) => {
                found.push(Violation::of(format!(
                    "{workspace} is deleted and {left} is left of it"
                )));
            }
            Phase::Absent
            | Phase::Requested
            | Phase::Provisioning
            | Phase::Starting
            | Phase::Running
            | Phase::Stopping
            | Phase::Stopped
            | Phase::Deleting
            | Phase::Failed
            | Phase::Deleted => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::history::Told;
    use super::*;
    use jiff::{SignedDuration, Timestamp};
    use nexus_events::workspace::Workspace;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn ids() -> (OperationId, WorkspaceId) {
        (OperationId::derived("o"), WorkspaceId::derived("w"))
    }

    fn judged(ends: &[(&'static str, i64)], timed_out: bool) -> usize {
        let (operation, workspace) = ids();
        let at = |seconds| NOW + SignedDuration::from_secs(seconds);
        let told = Told {
            workspace,
            accepted: NOW,
            deadline: at(60),
            ends: ends
                .iter()
                .map(|(how, seconds)| (*how, at(*seconds)))
                .collect(),
            timed_out,
        };
        let mut history = History::default();
        history.operations.insert(operation, told);
        operations(&history, &BTreeMap::from([(operation, workspace)])).len()
    }

    #[test]
    fn one_end_in_time_is_right_and_nothing_else() {
        assert_eq!(judged(&[("succeeded", 5)], false), 0);
        assert_eq!(judged(&[], false), 1);
        assert_eq!(judged(&[("succeeded", 5), ("failed", 6)], false), 1);
        assert_eq!(judged(&[("succeeded", 90)], false), 1);
        assert_eq!(
            judged(&[("failed", 5)], true),
            1,
            "called overdue too early"
        );
        assert_eq!(judged(&[("failed", 61)], true), 0);
    }

    #[test]
    fn what_was_accepted_has_to_be_in_the_log() {
        let (operation, workspace) = ids();
        let lost = operations(
            &History::default(),
            &BTreeMap::from([(operation, workspace)]),
        );
        assert_eq!(lost.len(), 1);
    }

    #[test]
    fn what_runs_has_to_be_what_the_log_says() {
        let (_, workspace) = ids();
        let judged = |phase, running: usize, kept: bool| {
            let mut history = History::default();
            let state = Workspace {
                phase,
                ..Workspace::default()
            };
            history.workspaces.insert(workspace, state);
            let mut census = Census::default();
            if running > 0 {
                census.running.insert(workspace, running);
            }
            if kept {
                census.kept.insert(workspace, "a folder".to_owned());
            }
            machines(&history, &census).len()
        };
        assert_eq!(judged(Phase::Running, 1, true), 0);
        assert_eq!(judged(Phase::Running, 0, true), 1);
        assert_eq!(judged(Phase::Running, 2, true), 1);
        assert_eq!(judged(Phase::Stopped, 0, true), 0);
        assert_eq!(judged(Phase::Stopped, 1, true), 1);
        assert_eq!(judged(Phase::Deleted, 0, false), 0);
        assert_eq!(judged(Phase::Deleted, 0, true), 1);
    }
}
