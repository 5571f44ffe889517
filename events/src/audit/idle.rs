//! The idle ledger of a workspace: what used, held and released it, when it stops, and whether
//! each recorded stop would be decided the same again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::past::Known;
use crate::aggregate::{Aggregate as _, Decision};
use crate::envelope::Actor;
use crate::id::{OperationId, WorkspaceId};
use crate::name::{HoldName, WorkspaceName};
use crate::upcast::AnyEvent;
use crate::workspace::{
    ActivitySource, Command, Hold, NewOperation, Phase, Workspace, WorkspaceEvent as Event,
};

/// Lines of the ledger that are told.
const TOLD: usize = 20;

/// What keeps a workspace up, and what has stopped it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Which.
    pub workspace: WorkspaceId,
    /// What its owner calls it.
    pub name: WorkspaceName,
    /// Where it stands.
    pub phase: Phase,
    /// The policy: seconds without activity; `None`: never stopped by itself.
    pub after_seconds: Option<u32>,
    /// The newest sighting per source.
    pub activity: BTreeMap<ActivitySource, Timestamp>,
    /// Holds in force or lapsed.
    pub holds: BTreeMap<HoldName, Hold>,
    /// What last used, held or released it.
    pub last: Option<Line>,
    /// When it stops if nothing uses it; `None`: it does not run, is held for good, or never stops.
    pub stops_at: Option<Timestamp>,
    /// What would be decided now, in words.
    pub verdict: String,
    /// The newest lines, oldest first.
    pub lines: Vec<Line>,
    /// Every stop for idleness, decided again.
    pub decisions: Vec<Replayed>,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The event.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who told.
    pub actor: Actor,
    /// What, in words.
    pub what: String,
}

/// A recorded stop for idleness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The event.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What the decision looked at.
    pub looked_at: BTreeMap<ActivitySource, Timestamp>,
    /// Holds that were over by then.
    pub lapsed_holds: BTreeMap<HoldName, Timestamp>,
    /// The policy at that time.
    pub after_seconds: u32,
    /// Whether the same history leads to the same decision.
    pub identical: bool,
}

/// Reads the history of one workspace.
#[derive(Debug)]
pub struct Reader {
    workspace: WorkspaceId,
    known: Known<Workspace>,
    lines: Vec<Line>,
    decisions: Vec<Replayed>,
}

impl Reader {
    /// Of this workspace.
    pub fn of(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            known: Known::default(),
            lines: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// The next event of the log; those about anything else are passed over.
    pub fn take(&mut self, entry: &Entry) {
        let AnyEvent::Workspace(event) = &entry.event else {
            return;
        };
        if event.subject.parse() != Ok(self.workspace) {
            return;
        }
        if let Some((at, what)) = told(&event.data) {
            self.lines.push(Line {
                sequence: entry.sequence,
                at,
                actor: event.actor.clone(),
                what,
            });
            // Old lines are of no interest, and there may be a million of them.
            if self.lines.len() > 2 * TOLD {
                self.lines.drain(..TOLD);
            }
        }
        if let Event::IdleDetected {
            operation,
            looked_at,
            after_seconds,
            lapsed_holds,
            ..
        } = &event.data
        {
            let operation = *operation;
            let again = self.known.state.decide(&Command::DetectIdle { operation });
            self.decisions.push(Replayed {
                sequence: entry.sequence,
                at: operation.at,
                looked_at: looked_at.clone(),
                lapsed_holds: lapsed_holds.clone(),
                after_seconds: *after_seconds,
                identical: again == Ok(Decision::Event(event.data.clone())),
            });
        }
        let state = std::mem::take(&mut self.known.state).evolve(&event.data);
        self.known.state = state;
        self.known.sequence = entry.sequence;
    }

    /// The ledger as of `now`; `None` where nobody asked for the workspace.
    pub fn finish(mut self, now: Timestamp) -> Option<Ledger> {
        let state = self.known.state;
        let definition = state.definition.as_ref()?;
        if self.lines.len() > TOLD {
            self.lines.drain(..self.lines.len() - TOLD);
        }
        Some(Ledger {
            workspace: self.workspace,
            name: definition.name.clone(),
            phase: state.phase,
            after_seconds: definition.spec.idle.after_seconds,
            activity: state.activity.sources.clone(),
            holds: state.holds.clone(),
            last: self.lines.last().cloned(),
            stops_at: state.idle_stop_at(),
            verdict: verdict(&state, now),
            lines: self.lines,
            decisions: self.decisions,
        })
    }
}

/// What the decider says of stopping it at `now`.
fn verdict(state: &Workspace, now: Timestamp) -> String {
    let operation = NewOperation {
        id: OperationId::derived("what would be decided"),
        at: now,
        deadline: now
            .saturating_add(SignedDuration::from_secs(1))
            .unwrap_or(now),
    };
    match state.decide(&Command::DetectIdle { operation }) {
        Ok(Decision::Event(_)) => "it is idle and is stopped".into(),
        Ok(Decision::Nothing(reason)) => reason.into(),
        Err(rejection) => rejection.to_string(),
    }
}

/// What an event says of use, and when that was.
fn told(event: &Event) -> Option<(Timestamp, String)> {
    Some(match event {
        Event::ActivityObserved { source, at } => (*at, format!("used: {}", word(*source))),
        Event::HoldPlaced { name, hold } => {
            let until = match hold.until {
                Some(until) => format!(" until {until:.0}"),
                None => String::new(),
            };
            (hold.at, format!("held: {name}{until}"))
        }
        Event::HoldReleased { name, at } => (*at, format!("released: {name}")),
        Event::Requested { operation, .. } => (operation.at, "asked for".into()),
        Event::StartRequested { operation, .. } => (operation.at, "start asked for".into()),
        Event::Ready { at, .. } => (*at, "ready".into()),
        Event::IdleDetected { operation, .. } => (operation.at, "idle: it is stopped".into()),
        Event::StopRequested { .. }
        | Event::DeleteRequested { .. }
        | Event::Placed { .. }
        | Event::StepStarted { .. }
        | Event::StepSucceeded { .. }
        | Event::StepFailed { .. }
        | Event::MachineReady { .. }
        | Event::RepositoryCloned { .. }
        | Event::ServiceChanged { .. }
        | Event::SshPortRefused { .. }
        | Event::SshPortMoved { .. }
        | Event::Stopped { .. }
        | Event::Deleted { .. }
        | Event::Failed { .. }
        | Event::MachineExited { .. }
        | Event::ResultIgnored { .. } => return None,
    })
}

/// The word for a source.
pub const fn word(source: ActivitySource) -> &'static str {
    match source {
        ActivitySource::Ssh => "ssh",
        ActivitySource::Terminal => "terminal",
        ActivitySource::Preview => "preview",
        ActivitySource::Process => "process",
        ActivitySource::Exec => "exec",
        ActivitySource::Person => "person",
    }
}
