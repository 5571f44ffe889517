//! What the log says of every operation: when it was accepted, by when it had to end, and how often
//! it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use nexus_events::aggregate::{Aggregate as _, Kind};
use nexus_events::failure::FailureCode;
use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::upcast::decode;
use nexus_events::workspace::{NewOperation, Workspace, WorkspaceEvent as Event};
use nexus_nats::{Filter, From, Log};

/// One operation, as the log has it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Of which workspace.
    pub workspace: WorkspaceId,
    /// When it was accepted, by the server's clock.
    pub accepted: Timestamp,
    /// By when it has to end.
    pub deadline: Timestamp,
    /// How it ended, each time: one end is right.
    pub ends: Vec<(&'static str, Timestamp)>,
    /// Whether it was ended as overdue.
    pub timed_out: bool,
}

/// Everything the log says.
#[derive(Debug, Default)]
pub struct History {
    /// Every operation.
    pub operations: BTreeMap<OperationId, Told>,
    /// Every workspace, as it is.
    pub workspaces: BTreeMap<WorkspaceId, Workspace>,
    /// Messages that are no events of this program.
    pub unreadable: Vec<u64>,
    /// Idle stops, with how long the last sign of use had been ago by the server's clock.
    pub idle_stops: Vec<(WorkspaceId, Duration)>,
    /// How many events there are.
    pub events: u64,
    /// What happened to each workspace, in words.
    pub told: BTreeMap<WorkspaceId, Vec<String>>,
    last_use: BTreeMap<WorkspaceId, Timestamp>,
}

impl History {
    /// Reads the whole log.
    ///
    /// # Errors
    /// When it does not answer, or has a gap.
    pub async fn read(log: &Log) -> anyhow::Result<Self> {
        let last = log.info().await?.last_sequence;
        let mut history = Self::default();
        let mut tail = log.tail(From::start(), Filter::All);
        while history.events < last {
            let recorded = tail.next().await?;
            history.events = recorded.sequence;
            if recorded.subject.kind() != Kind::Workspace {
                continue;
            }
            let Ok(workspace) = recorded.subject.id().parse() else {
                history.unreadable.push(recorded.sequence);
                continue;
            };
            match decode::<Event>(&recorded.payload) {
                Ok(event) => {
                    let (sequence, at, actor) =
                        (recorded.sequence, recorded.stored_at, &event.actor);
                    let line = format!("{sequence} {at} {} by {actor:?}", event.event_type);
                    history.told.entry(workspace).or_default().push(line);
                    history.take(workspace, &event.data, recorded.stored_at);
                }
                Err(_) => history.unreadable.push(recorded.sequence),
            }
        }
        Ok(history)
    }

    fn take(&mut self, workspace: WorkspaceId, event: &Event, at: Timestamp) {
        match event {
            Event::Requested { operation, .. } => self.begin(workspace, operation, None, at),
            Event::StartRequested {
                operation,
                supersedes,
                ..
            }
            | Event::StopRequested {
                operation,
                supersedes,
                ..
            }
            | Event::DeleteRequested {
                operation,
                supersedes,
                ..
            } => self.begin(workspace, operation, *supersedes, at),
            Event::IdleDetected { operation, .. } => {
                self.begin(workspace, operation, None, at);
                let last = self.last_use.get(&workspace).copied().unwrap_or(at);
                let ago = at.duration_since(last).try_into().unwrap_or_default();
                self.idle_stops.push((workspace, ago));
            }
            Event::Ready { operation, .. } => {
                self.last_use.insert(workspace, at);
                self.end(*operation, "succeeded", at);
            }
            Event::Stopped { operation, .. } | Event::Deleted { operation, .. } => {
                self.end(*operation, "succeeded", at);
            }
            Event::Failed {
                operation, failure, ..
            } => {
                if failure.code == FailureCode::Timeout
                    && let Some(told) = self.operations.get_mut(operation)
                {
                    told.timed_out = true;
                }
                self.end(*operation, "failed", at);
            }
            Event::ActivityObserved { .. } => {
                self.last_use.insert(workspace, at);
            }
            Event::Placed { .. }
            | Event::StepStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::StepFailed { .. }
            | Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::SshPortRefused { .. }
            | Event::SshPortMoved { .. }
            | Event::ServiceChanged { .. }
            | Event::MachineExited { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. }
            | Event::ResultIgnored { .. } => {}
        }
        let state = self.workspaces.entry(workspace).or_default();
        *state = std::mem::take(state).evolve(event);
    }

    fn begin(
        &mut self,
        workspace: WorkspaceId,
        operation: &NewOperation,
        supersedes: Option<OperationId>,
        at: Timestamp,
    ) {
        if let Some(superseded) = supersedes {
            self.end(superseded, "superseded", at);
        }
        let told = Told {
            workspace,
            accepted: at,
            deadline: operation.deadline,
            ends: Vec::new(),
            timed_out: false,
        };
        self.operations.insert(operation.id, told);
    }

    fn end(&mut self, operation: OperationId, how: &'static str, at: Timestamp) {
        if let Some(told) = self.operations.get_mut(&operation) {
            told.ends.push((how, at));
        }
    }

    /// Every workspace the log has ever heard of.
    pub fn ids(&self) -> BTreeSet<WorkspaceId> {
        self.workspaces.keys().copied().collect()
    }
}
