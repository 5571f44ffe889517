//! The operations with their steps: the waterfall of a create, a start, a stop, a delete.

use jiff::Timestamp;
use nexus_events::envelope::Envelope;
use nexus_events::failure::Failure;
use nexus_events::id::{NodeId, OperationId, UserId, WorkspaceId};
use nexus_events::view::{OperationState, StepView};
use nexus_events::workspace::{
    NewOperation, OperationKind, Step, StopReason, Workspace, WorkspaceEvent as Event,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::ProjectionError;
use super::cache::Cache;
use super::columns::{document, micros, parsed};

/// An operation, from acceptance to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) workspace: WorkspaceId,
    pub(crate) owner: Option<UserId>,
    pub(crate) kind: OperationKind,
    pub(crate) state: OperationState,
    pub(crate) reason: String,
    pub(crate) epoch: u64,
    pub(crate) node: Option<NodeId>,
    pub(crate) steps: Vec<StepView>,
    pub(crate) failure: Option<Failure>,
    pub(crate) requested_at: Timestamp,
    pub(crate) deadline: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// The word for a state in the column.
pub(crate) const fn word(state: OperationState) -> &'static str {
    match state {
        OperationState::InFlight => "in_flight",
        OperationState::Succeeded => "succeeded",
        OperationState::Failed => "failed",
        OperationState::Superseded => "superseded",
    }
}

#[derive(Debug, Default)]
pub(super) struct Operations {
    cache: Cache<OperationId, Option<Operation>>,
}

impl Operations {
    /// Folds an event of `workspace`, whose state afterwards is `after`.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        workspace: WorkspaceId,
        after: &Workspace,
        event: &Envelope<Event>,
    ) -> Result<(), ProjectionError> {
        let owner = after.definition.as_ref().map(|definition| definition.owner);
        match &event.data {
            Event::Requested { operation, .. } => {
                self.begin(
                    operation,
                    new(workspace, owner, OperationKind::Create, operation, 1),
                );
            }
            Event::StartRequested {
                operation,
                epoch,
                supersedes,
            } => {
                self.supersede(connection, *supersedes, event.time)?;
                let begun = new(workspace, owner, OperationKind::Start, operation, *epoch);
                self.begin(operation, begun);
            }
            Event::StopRequested {
                operation,
                epoch,
                supersedes,
                reason,
            } => {
                self.supersede(connection, *supersedes, event.time)?;
                let mut begun = new(workspace, owner, OperationKind::Stop, operation, *epoch);
                if *reason == StopReason::Expired {
                    begun.reason = "expired".into();
                }
                self.begin(operation, begun);
            }
            Event::DeleteRequested {
                operation,
                epoch,
                supersedes,
            } => {
                self.supersede(connection, *supersedes, event.time)?;
                let begun = new(workspace, owner, OperationKind::Delete, operation, *epoch);
                self.begin(operation, begun);
            }
            Event::IdleDetected {
                operation, epoch, ..
            } => {
                let mut begun = new(workspace, owner, OperationKind::Stop, operation, *epoch);
                begun.reason = "idle".into();
                self.begin(operation, begun);
            }
            Event::Placed {
                operation, node, ..
            } => {
                self.change(connection, *operation, |known| known.node = Some(*node))?;
            }
            Event::StepStarted {
                operation, step, ..
            } => {
                self.change(connection, *operation, |known| {
                    known.start_step(step, event.time)
                })?;
            }
            Event::StepSucceeded {
                operation,
                step,
                duration_ms,
                detail,
                ..
            } => {
                self.change(connection, *operation, |known| {
                    let view = known.step(step, event.time);
                    view.state = OperationState::Succeeded;
                    view.duration_ms = Some(*duration_ms);
                    view.detail.clone_from(detail);
                })?;
            }
            Event::StepFailed {
                operation,
                duration_ms,
                failure,
                ..
            } => {
                self.change(connection, *operation, |known| {
                    known.fail_step(failure, *duration_ms, event.time);
                })?;
            }
            Event::Ready { operation, .. }
            | Event::Stopped { operation, .. }
            | Event::Deleted { operation, .. } => {
                self.change(connection, *operation, |known| {
                    known.end(OperationState::Succeeded, event.time);
                })?;
            }
            Event::Failed {
                operation, failure, ..
            } => {
                self.change(connection, *operation, |known| {
                    known.failure = Some(failure.clone());
                    known.end(OperationState::Failed, event.time);
                })?;
            }
            Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::ServiceChanged { .. }
            | Event::MachineExited { .. }
            | Event::ActivityObserved { .. }
            | Event::SshPortRefused { .. }
            | Event::SshPortMoved { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. }
            | Event::ResultIgnored { .. } => {}
        }
        Ok(())
    }

    fn begin(&mut self, operation: &NewOperation, begun: Operation) {
        // Nothing to load: the id is new, so this cannot fail.
        if let Ok(entry) = self.cache.change(operation.id, || Ok(None)) {
            *entry = Some(begun);
        }
    }

    fn supersede(
        &mut self,
        connection: &Connection,
        id: Option<OperationId>,
        at: Timestamp,
    ) -> Result<(), ProjectionError> {
        match id {
            Some(id) => self.change(connection, id, |known| {
                known.end(OperationState::Superseded, at);
            }),
            None => Ok(()),
        }
    }

    fn change(
        &mut self,
        connection: &Connection,
        id: OperationId,
        change: impl FnOnce(&mut Operation),
    ) -> Result<(), ProjectionError> {
        if let Some(known) = self.cache.change(id, || load(connection, id))? {
            change(known);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), ProjectionError> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO operations (id, workspace, owner, state, requested_at, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET state = ?4, document = ?6",
        )?;
        self.cache.flush(|id, operation| {
            if let Some(operation) = operation {
                statement.execute(params![
                    id.uuid().as_bytes(),
                    operation.workspace.uuid().as_bytes(),
                    operation.owner.map(|owner| *owner.uuid().as_bytes()),
                    word(operation.state),
                    micros(operation.requested_at),
                    document(operation),
                ])?;
            }
            Ok(())
        })
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
    }

    pub(super) fn waiting(&self) -> usize {
        self.cache.waiting()
    }
}

fn new(
    workspace: WorkspaceId,
    owner: Option<UserId>,
    kind: OperationKind,
    operation: &NewOperation,
    epoch: u64,
) -> Operation {
    Operation {
        workspace,
        owner,
        kind,
        state: OperationState::InFlight,
        reason: "person".into(),
        epoch,
        node: None,
        steps: Vec::new(),
        failure: None,
        requested_at: operation.at,
        deadline: operation.deadline,
        ended_at: None,
    }
}

impl Operation {
    /// A redelivered command runs a step again: the bar starts anew.
    fn start_step(&mut self, step: &Step, at: Timestamp) {
        let view = self.step(step, at);
        *view = new_step(step, at);
    }

    /// The bar of a step; one that was never started starts now.
    fn step(&mut self, step: &Step, at: Timestamp) -> &mut StepView {
        let known = self.steps.iter().position(|view| view.step == *step);
        let index = known.unwrap_or_else(|| {
            self.steps.push(new_step(step, at));
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn fail_step(&mut self, failure: &Failure, duration_ms: u64, at: Timestamp) {
        let Some(step) = &failure.step else { return };
        let view = self.step(step, at);
        view.state = OperationState::Failed;
        view.duration_ms = Some(duration_ms);
        view.failure = Some(failure.clone());
    }

    /// The end of the operation is the end of whatever step was under way.
    fn end(&mut self, state: OperationState, at: Timestamp) {
        self.state = state;
        self.ended_at = Some(at);
        for step in &mut self.steps {
            if step.state == OperationState::InFlight {
                step.state = state;
            }
        }
    }

    /// Milliseconds from acceptance to end.
    pub(crate) fn duration_ms(&self) -> Option<u64> {
        let took = self.ended_at?.duration_since(self.requested_at);
        u64::try_from(took.as_millis()).ok()
    }
}

fn new_step(step: &Step, at: Timestamp) -> StepView {
    StepView {
        step: step.clone(),
        state: OperationState::InFlight,
        started_at: at,
        duration_ms: None,
        detail: None,
        failure: None,
    }
}

/// One operation.
pub(crate) fn load(
    connection: &Connection,
    id: OperationId,
) -> Result<Option<Operation>, ProjectionError> {
    connection
        .prepare_cached("SELECT document FROM operations WHERE id = ?1")?
        .query_row([id.uuid().as_bytes()], |row| row.get::<_, String>(0))
        .optional()?
        .map(|document| parsed("operations", &document))
        .transpose()
}
