//! How long each step takes, by provider: what was promised, what was kept, what failed.
//!
//! Besides the steps workers tell of, the gaps nobody owns are measured: from acceptance to the
//! moment a worker takes the operation, and each operation as a whole.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::id::{OperationId, WorkspaceId};
use crate::spec::Provider;
use crate::upcast::AnyEvent;
use crate::workspace::{OperationKind, Step, WorkspaceEvent as Event};

/// The step between acceptance and placement.
const QUEUE: &str = "queue";

/// One step on one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimes {
    /// The provider.
    pub provider: Provider,
    /// An operation as a whole, or a step of one.
    pub part: Part,
    /// `create`, `start`, `stop` and `delete` for operations; `queue` or a step's word (services
    /// together) for steps.
    pub name: String,
    /// How often it ended, well or not.
    pub count: u64,
    /// How often it ended badly.
    pub failures: u64,
    /// Half of those that ended well took at most so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// Of a hundred, 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u64>,
    /// The longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// From acceptance to the end.
    Operation,
    /// One step.
    Step,
}

#[derive(Debug, Default)]
struct Sample {
    times: Vec<u64>,
    failures: u64,
}

#[derive(Debug)]
struct Open {
    kind: OperationKind,
    provider: Provider,
    requested_at: Timestamp,
}

/// Measures a history.
#[derive(Debug, Default)]
pub struct Durations {
    since: Option<Timestamp>,
    providers: HashMap<WorkspaceId, Provider>,
    open: HashMap<OperationId, Open>,
    samples: BTreeMap<(&'static str, Part, &'static str), (Provider, Sample)>,
}

impl Durations {
    /// Measures what ended at `since` or later; everything without it.
    pub fn since(since: Option<Timestamp>) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// The next event of the log.
    pub fn take(&mut self, entry: &Entry) {
        let AnyEvent::Workspace(event) = &entry.event else {
            return;
        };
        let Ok(workspace) = event.subject.parse::<WorkspaceId>() else {
            return;
        };
        if let Event::Requested { spec, .. } = &event.data {
            self.providers.insert(workspace, spec.provider);
        }
        let Some(provider) = self.providers.get(&workspace).copied() else {
            return;
        };
        self.begin(&event.data, provider);
        self.end(&event.data, provider, event.time);
    }

    fn begin(&mut self, event: &Event, provider: Provider) {
        let (kind, operation) = match event {
            Event::Requested { operation, .. } => (OperationKind::Create, operation),
            Event::StartRequested { operation, .. } => (OperationKind::Start, operation),
            Event::StopRequested { operation, .. } | Event::IdleDetected { operation, .. } => {
                (OperationKind::Stop, operation)
            }
            Event::DeleteRequested { operation, .. } => (OperationKind::Delete, operation),
            Event::Placed { .. }
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
            | Event::ActivityObserved { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. }
            | Event::ResultIgnored { .. } => return,
        };
        let open = Open {
            kind,
            provider,
            requested_at: operation.at,
        };
        self.open.insert(operation.id, open);
    }

    fn end(&mut self, event: &Event, provider: Provider, at: Timestamp) {
        match event {
            Event::Placed { operation, .. } => {
                if let Some(open) = self.open.get(operation) {
                    let waited = between(open.requested_at, at);
                    self.note(provider, Part::Step, QUEUE, at, Ok(waited));
                }
            }
            Event::StepSucceeded {
                step, duration_ms, ..
            } => self.note(provider, Part::Step, word(step), at, Ok(*duration_ms)),
            Event::StepFailed { failure, .. } => {
                if let Some(step) = &failure.step {
                    self.note(provider, Part::Step, word(step), at, Err(()));
                }
            }
            Event::Ready {
                operation,
                duration_ms,
                ..
            }
            | Event::Stopped {
                operation,
                duration_ms,
                ..
            }
            | Event::Deleted {
                operation,
                duration_ms,
                ..
            } => self.close(*operation, at, Ok(*duration_ms)),
            Event::Failed { operation, .. } => self.close(*operation, at, Err(())),
            Event::Requested { .. }
            | Event::StartRequested { .. }
            | Event::StopRequested { .. }
            | Event::DeleteRequested { .. }
            | Event::IdleDetected { .. }
            | Event::StepStarted { .. }
            | Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::ServiceChanged { .. }
            | Event::SshPortRefused { .. }
            | Event::SshPortMoved { .. }
            | Event::MachineExited { .. }
            | Event::ActivityObserved { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. }
            | Event::ResultIgnored { .. } => {}
        }
    }

    fn close(&mut self, operation: OperationId, at: Timestamp, took: Result<u64, ()>) {
        if let Some(open) = self.open.remove(&operation) {
            let kind = match open.kind {
                OperationKind::Create => "create",
                OperationKind::Start => "start",
                OperationKind::Stop => "stop",
                OperationKind::Delete => "delete",
            };
            self.note(open.provider, Part::Operation, kind, at, took);
        }
    }

    fn note(
        &mut self,
        provider: Provider,
        part: Part,
        name: &'static str,
        at: Timestamp,
        took: Result<u64, ()>,
    ) {
        if self.since.is_some_and(|since| at < since) {
            return;
        }
        let key = (provider.as_str(), part, name);
        let none = || (provider, Sample::default());
        let (_, sample) = self.samples.entry(key).or_insert_with(none);
        match took {
            Ok(milliseconds) => sample.times.push(milliseconds),
            Err(()) => sample.failures += 1,
        }
    }

    /// Provider by provider, operations first, then their steps.
    pub fn finish(self) -> Vec<StepTimes> {
        let samples = self.samples.into_iter();
        let rows = samples.map(|((_, part, name), (provider, mut sample))| {
            sample.times.sort_unstable();
            StepTimes {
                provider,
                part,
                name: name.to_owned(),
                count: sample.times.len() as u64 + sample.failures,
                failures: sample.failures,
                p50_ms: percentile(&sample.times, 50),
                p99_ms: percentile(&sample.times, 99),
                max_ms: sample.times.last().copied(),
            }
        });
        rows.collect()
    }
}

/// The nearest rank: a value that was measured, never one in between.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Services of all names are one step.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Image => "image",
        Step::Machine => "machine",
        Step::Network => "network",
        Step::Start => "start",
        Step::Ssh => "ssh",
        Step::Clone => "clone",
        Step::Install => "install",
        Step::Hooks => "hooks",
        Step::Service(_) => "service",
        Step::Stop => "stop",
        Step::Delete => "delete",
    }
}

fn between(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.duration_since(earlier).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), Some(50));
        assert_eq!(percentile(&hundred, 99), Some(99));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }
}
