//! What another idle policy would have done on the recorded history, without touching anything.
//!
//! Each workspace is lived through again under the other policy: the same requests, uses and
//! holds, and the real decider asked whenever the new policy's time has come. A stop is *false*
//! when the history shows use in that same run later: somebody would have had to start it again.
//!
//! What is not recorded is not known. Use is recorded once per source and fifth of the policy of
//! that time, so a policy shorter than that fifth is judged on less than it would have seen: such
//! stops are counted apart, as uncertain. And what people would have done in a workspace that was
//! stopped cannot be told: of a longer policy only the stops it would have put off are counted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::aggregate::{Aggregate as _, Decision};
use crate::id::{OperationId, WorkspaceId};
use crate::name::WorkspaceName;
use crate::spec::IdlePolicy;
use crate::upcast::AnyEvent;
use crate::workspace::{Command, NewOperation, Phase, Workspace, WorkspaceEvent as Event};

/// What a policy would have done to one workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Stops for idleness as they are recorded.
    pub recorded_stops: u64,
    /// Stops there would have been.
    pub stops: u64,
    /// Of these, those after which it was used in the same run: it would have been started again.
    pub false_stops: u64,
    /// Of these, those that rest on use that was recorded less often than the policy needs.
    pub uncertain: u64,
    /// Recorded stops that would not have been made at that time.
    pub stops_put_off: u64,
    /// Seconds it ran.
    pub recorded_seconds: u64,
    /// Seconds it would have run.
    pub seconds: u64,
}

/// One workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub workspace: WorkspaceId,
    /// What its owner calls it.
    pub name: WorkspaceName,
    /// What the policy would have done to it.
    #[serde(flatten)]
    pub effect: Effect,
}

/// A run of a workspace under the other policy.
#[derive(Debug, Default)]
struct Life {
    /// As it is recorded.
    recorded: Workspace,
    /// The same with the other policy.
    imagined: Workspace,
    /// Since when it runs in the record.
    up: Option<Timestamp>,
    /// Since when it would run.
    imagined_up: Option<Timestamp>,
    /// It runs in the record and would be stopped.
    stopped: bool,
    effect: Effect,
}

/// Lives a history through again under another policy.
#[derive(Debug)]
pub struct WhatIf {
    policy: IdlePolicy,
    from: u64,
    since: Option<Timestamp>,
    now: Timestamp,
    lives: BTreeMap<WorkspaceId, Life>,
}

impl WhatIf {
    /// `policy` in force from the event after `from` and from `since` on.
    pub fn new(policy: IdlePolicy, from: u64, since: Option<Timestamp>) -> Self {
        Self {
            policy,
            from,
            since,
            now: Timestamp::MIN,
            lives: BTreeMap::new(),
        }
    }

    /// The next event of the log.
    pub fn take(&mut self, entry: &Entry) {
        let at = entry.came_at();
        let counts = entry.sequence > self.from && self.since.is_none_or(|since| at >= since);
        self.now = self.now.max(at);
        let AnyEvent::Workspace(event) = &entry.event else {
            return;
        };
        let Ok(id) = event.subject.parse::<WorkspaceId>() else {
            return;
        };
        let life = self.lives.entry(id).or_default();
        if counts {
            life.stop_when_due(self.policy, at);
        }
        life.go_on(&event.data, at, self.policy, counts);
    }

    /// What it would have done up to the last event, workspace by workspace.
    pub fn finish(self) -> Vec<Row> {
        let (policy, now) = (self.policy, self.now);
        let rows = self.lives.into_iter().filter_map(|(workspace, mut life)| {
            life.stop_when_due(policy, now);
            life.pause(now);
            let name = life.recorded.definition.as_ref()?.name.clone();
            Some(Row {
                workspace,
                name,
                effect: life.effect,
            })
        });
        rows.collect()
    }
}

impl Life {
    /// Asks the decider at the moment the other policy's time is up, if that is before `at`.
    fn stop_when_due(&mut self, policy: IdlePolicy, at: Timestamp) {
        if self.stopped || self.imagined_up.is_none() {
            return;
        }
        let Some(due) = self.imagined.idle_stop_at().filter(|due| *due < at) else {
            return;
        };
        let operation = NewOperation {
            id: OperationId::derived("what if"),
            at: due,
            deadline: due,
        };
        let decision = self.imagined.decide(&Command::DetectIdle { operation });
        if !matches!(decision, Ok(Decision::Event(_))) {
            return;
        }
        self.effect.stops += 1;
        self.effect.uncertain += u64::from(self.is_coarser_than(policy));
        self.effect.seconds += seconds(self.imagined_up.take(), due);
        self.stopped = true;
    }

    /// Whether use was recorded less often than `policy` asks about it.
    fn is_coarser_than(&self, policy: IdlePolicy) -> bool {
        let definition = self.recorded.definition.as_ref();
        let recorded = definition.and_then(|definition| definition.spec.idle.after_seconds);
        let grain = recorded.unwrap_or(600) / 5;
        policy.after_seconds.is_some_and(|after| after < grain)
    }

    fn go_on(&mut self, event: &Event, at: Timestamp, policy: IdlePolicy, counts: bool) {
        if let Event::IdleDetected { .. } = event
            && counts
        {
            self.effect.recorded_stops += 1;
            self.effect.stops_put_off += u64::from(!self.stopped && self.would_run_on(at));
        }
        self.judge(event, at, counts);
        let ran = self.recorded.phase == Phase::Running;
        self.recorded = std::mem::take(&mut self.recorded).evolve(event);
        self.imagined = std::mem::take(&mut self.imagined).evolve(event);
        if let Some(definition) = &mut self.imagined.definition {
            definition.spec.idle = policy;
        }
        let runs = self.recorded.phase == Phase::Running;
        match (ran, runs) {
            (false, true) if counts => {
                (self.up, self.imagined_up) = (Some(at), Some(at));
                self.stopped = false;
            }
            // The policy comes into force in the middle of a run.
            (true, true) if counts && self.up.is_none() => {
                (self.up, self.imagined_up) = (Some(at), Some(at));
            }
            (true, false) => self.pause(at),
            (false, _) | (true, true) => {}
        }
    }

    /// Use after a stop shows that it was false, and the workspace would run again.
    fn judge(&mut self, event: &Event, at: Timestamp, counts: bool) {
        let used = match event {
            Event::ActivityObserved { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. } => true,
            Event::Requested { .. }
            | Event::StartRequested { .. }
            | Event::StopRequested { .. }
            | Event::DeleteRequested { .. }
            | Event::IdleDetected { .. }
            | Event::Placed { .. }
            | Event::StepStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::StepFailed { .. }
            | Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::ServiceChanged { .. }
            | Event::SshPortRefused { .. }
            | Event::SshPortMoved { .. }
            | Event::Ready { .. }
            | Event::Stopped { .. }
            | Event::Deleted { .. }
            | Event::Failed { .. }
            | Event::MachineExited { .. }
            | Event::ResultIgnored { .. } => false,
        };
        if used && counts && self.stopped {
            self.effect.false_stops += 1;
            self.stopped = false;
            self.imagined_up = Some(at);
        }
    }

    fn would_run_on(&self, at: Timestamp) -> bool {
        self.imagined.idle_stop_at().is_none_or(|due| due > at)
    }

    /// It does not run any more, in the record.
    fn pause(&mut self, at: Timestamp) {
        self.effect.recorded_seconds += seconds(self.up.take(), at);
        self.effect.seconds += seconds(self.imagined_up.take(), at);
        self.stopped = false;
    }
}

fn seconds(from: Option<Timestamp>, to: Timestamp) -> u64 {
    let lasted: SignedDuration = from.map_or(SignedDuration::ZERO, |from| to.duration_since(from));
    u64::try_from(lasted.as_secs()).unwrap_or(0)
}
