//! The fold: the state after an event. Total and without judgement; deciding is `decide`'s.

use jiff::Timestamp;

use super::command::NewOperation;
use super::event::WorkspaceEvent as Event;
use super::state::{
    ActivitySource, Definition, Desired, Operation, OperationKind, Phase, ServiceState,
    ServiceStatus, Workspace,
};
use crate::failure::{Failure, FailureCode};

pub(super) fn evolve(mut state: Workspace, event: &Event) -> Workspace {
    match event {
        Event::Requested {
            owner,
            name,
            spec,
            ssh_port,
            operation,
        } => {
            state.definition = Some(Definition {
                owner: *owner,
                name: name.clone(),
                spec: spec.as_ref().clone(),
                ssh_port: *ssh_port,
                requested_at: operation.at,
            });
            state.begin(
                OperationKind::Create,
                operation,
                1,
                Desired::Running,
                Phase::Requested,
            );
            state.use_by_person(operation);
        }
        Event::StartRequested {
            operation, epoch, ..
        } => {
            state.begin(
                OperationKind::Start,
                operation,
                *epoch,
                Desired::Running,
                Phase::Requested,
            );
            state.use_by_person(operation);
        }
        Event::StopRequested {
            operation, epoch, ..
        }
        | Event::IdleDetected {
            operation, epoch, ..
        } => {
            state.begin(
                OperationKind::Stop,
                operation,
                *epoch,
                Desired::Stopped,
                Phase::Stopping,
            );
        }
        Event::DeleteRequested {
            operation, epoch, ..
        } => {
            state.begin(
                OperationKind::Delete,
                operation,
                *epoch,
                Desired::Deleted,
                Phase::Deleting,
            );
        }
        Event::Placed { node, .. } => {
            state.node = Some(*node);
            if let Some(operation) = &mut state.operation {
                operation.placed = true;
            }
            if state.phase == Phase::Requested {
                state.phase = Phase::Provisioning;
            }
        }
        Event::StepStarted { step, .. } => {
            if let Some(operation) = &mut state.operation {
                operation.step = Some(step.clone());
            }
        }
        Event::StepSucceeded { .. } | Event::StepFailed { .. } | Event::ResultIgnored { .. } => {}
        Event::MachineReady { machine, .. } => {
            state.machine = Some(machine.clone());
            if matches!(state.phase, Phase::Requested | Phase::Provisioning) {
                state.phase = Phase::Starting;
            }
        }
        Event::RepositoryCloned { commit, .. } => state.commit = Some(commit.clone()),
        Event::ServiceChanged {
            service,
            status,
            port,
            mapped_port,
            cause,
            ..
        } => {
            let (status, cause) = (*status, cause.clone());
            let service_state = ServiceState {
                status,
                port: *port,
                mapped_port: *mapped_port,
                cause,
            };
            state.services.insert(service.clone(), service_state);
            state.partial = state.phase == Phase::Running && state.has_failed_service();
        }
        Event::SshPortRefused { .. } => state.ssh_port_refused = true,
        Event::SshPortMoved { to, .. } => {
            state.ssh_port_refused = false;
            if let Some(definition) = &mut state.definition {
                definition.ssh_port = Some(*to);
            }
        }
        Event::Ready { at, partial, .. } => {
            state.end(Phase::Running);
            state.partial = *partial;
            state.activity.sources.insert(ActivitySource::Person, *at);
        }
        Event::Stopped { .. } => state.end_without_machine(Phase::Stopped),
        Event::Deleted { .. } => {
            state.end_without_machine(Phase::Deleted);
            state.node = None;
            state.services.clear();
            state.holds.clear();
        }
        Event::Failed { failure, .. } => {
            state.end(Phase::Failed);
            state.failure = Some(failure.clone());
        }
        Event::MachineExited { exit, .. } => {
            state.end_without_machine(Phase::Failed);
            let hint = format!("start it again: nexus workspace start {}", state.name());
            state.failure = Some(Failure::new(FailureCode::MachineExited, &exit.cause, hint));
        }
        Event::ActivityObserved { source, at } => {
            state.see(*source, *at);
        }
        Event::HoldPlaced { name, hold } => {
            state.holds.insert(name.clone(), hold.clone());
        }
        // Whoever lets go was there: the idle time begins now.
        Event::HoldReleased { name, at } => {
            state.holds.remove(name);
            state.see(ActivitySource::Person, *at);
        }
    }
    state
}

impl Workspace {
    /// An operation begins and takes the place of whatever was in flight.
    fn begin(
        &mut self,
        kind: OperationKind,
        operation: &NewOperation,
        epoch: u64,
        desired: Desired,
        phase: Phase,
    ) {
        self.desired = desired;
        self.phase = phase;
        self.epoch = epoch;
        self.failure = None;
        self.partial = false;
        self.ssh_port_refused = false;
        self.operation = Some(Operation {
            id: operation.id,
            kind,
            epoch,
            requested_at: operation.at,
            deadline: operation.deadline,
            placed: false,
            step: None,
        });
    }

    fn end(&mut self, phase: Phase) {
        self.operation = None;
        self.phase = phase;
    }

    fn end_without_machine(&mut self, phase: Phase) {
        self.end(phase);
        self.machine = None;
        self.partial = false;
        for service in self.services.values_mut() {
            service.status = ServiceStatus::Stopped;
            service.mapped_port = None;
        }
    }

    fn see(&mut self, source: ActivitySource, at: Timestamp) {
        let newest = self.activity.sources.entry(source).or_insert(at);
        *newest = (*newest).max(at);
    }

    fn use_by_person(&mut self, operation: &NewOperation) {
        self.activity
            .sources
            .insert(ActivitySource::Person, operation.at);
    }

    /// What its owner calls it, for hints.
    pub(super) fn name(&self) -> &str {
        self.definition
            .as_ref()
            .map_or("NAME", |definition| definition.name.as_str())
    }

    fn has_failed_service(&self) -> bool {
        self.services.values().any(|service| {
            matches!(
                service.status,
                ServiceStatus::Failed | ServiceStatus::Unhealthy
            )
        })
    }
}
