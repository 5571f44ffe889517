//! The policy itself: pure.

use nexus_events::claim::ClaimId;
use nexus_events::envelope::{Actor, Envelope};
use nexus_events::id::{CommandId, CorrelationId, EventId, WorkspaceId};
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{
    Operation, OperationKind, Report, Workspace, WorkspaceEvent as Event,
};
use nexus_nats::Snapshot;

/// What is to be done outside the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell a worker. The owner's public keys are added when it is queued; they are kept nowhere.
    Publish(Box<WorkCommand>),
    /// Report, in place of a worker, on a machine that was never made.
    Report {
        /// About which workspace.
        workspace: WorkspaceId,
        /// Its operation.
        operation: Box<Operation>,
        /// What is so.
        report: Report,
    },
    /// Find another port of the pools for SSH, in the place of one that cannot be listened on.
    MoveSshPort {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// The one its node could not have.
        refused: u16,
    },
    /// Let go of the name and the port of a workspace that is gone.
    Release {
        /// Which workspace.
        workspace: WorkspaceId,
        /// What it held.
        claims: Vec<ClaimId>,
    },
}

/// What leads to a command: the envelope of an event, without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) event: EventId,
    /// What stands in the log: the event, or the command that was told of it.
    pub(crate) causation: String,
    pub(crate) actor: Actor,
    pub(crate) correlation: CorrelationId,
    pub(crate) traceparent: Option<String>,
}

impl<D> From<&Envelope<D>> for Cause {
    fn from(event: &Envelope<D>) -> Self {
        Self {
            event: event.id,
            causation: event.id.to_string(),
            actor: event.actor.clone(),
            correlation: event.correlationid,
            traceparent: event.traceparent.clone(),
        }
    }
}

/// What follows from `event` of `workspace`, which is now as `now` says.
pub fn react(
    workspace: WorkspaceId,
    event: &Envelope<Event>,
    now: &Snapshot<Workspace>,
) -> Vec<Effect> {
    match &event.data {
        Event::Requested { operation, .. }
        | Event::StartRequested { operation, .. }
        | Event::StopRequested { operation, .. }
        | Event::DeleteRequested { operation, .. }
        | Event::IdleDetected { operation, .. } => {
            let current = now.state.operation.as_ref();
            match current.filter(|current| current.id == operation.id) {
                Some(current) => carry_out(workspace, current, &event.into(), now),
                // It ended, or a newer intent took its place, whose own event comes.
                None => Vec::new(),
            }
        }
        Event::SshPortRefused { port, .. } => vec![Effect::MoveSshPort {
            workspace,
            refused: *port,
        }],
        Event::Deleted { .. } => release(workspace, &now.state).into_iter().collect(),
        Event::Placed { .. }
        | Event::StepStarted { .. }
        | Event::StepSucceeded { .. }
        | Event::StepFailed { .. }
        | Event::MachineReady { .. }
        | Event::RepositoryCloned { .. }
        | Event::ServiceChanged { .. }
        | Event::SshPortMoved { .. }
        | Event::Ready { .. }
        | Event::Stopped { .. }
        | Event::Failed { .. }
        | Event::MachineExited { .. }
        | Event::ActivityObserved { .. }
        | Event::HoldPlaced { .. }
        | Event::HoldReleased { .. }
        | Event::ResultIgnored { .. } => Vec::new(),
    }
}

/// A worker brings it about, unless no node ever held the workspace and nothing is to be made.
fn carry_out(
    workspace: WorkspaceId,
    operation: &Operation,
    cause: &Cause,
    now: &Snapshot<Workspace>,
) -> Vec<Effect> {
    let at = operation.requested_at;
    let report = match (operation.kind, now.state.node) {
        (OperationKind::Stop, None) => Report::Stopped { at },
        (OperationKind::Delete, None) => Report::Deleted { at },
        (OperationKind::Create | OperationKind::Start, _)
        | (OperationKind::Stop | OperationKind::Delete, Some(_)) => {
            let command = work_command(workspace, operation, cause, now);
            return command
                .map(Box::new)
                .map(Effect::Publish)
                .into_iter()
                .collect();
        }
    };
    vec![Effect::Report {
        workspace,
        operation: Box::new(operation.clone()),
        report,
    }]
}

/// The command for `operation`; `None` for a workspace nobody asked for, which the log has not.
pub(crate) fn work_command(
    workspace: WorkspaceId,
    operation: &Operation,
    cause: &Cause,
    now: &Snapshot<Workspace>,
) -> Option<WorkCommand> {
    let definition = now.state.definition.as_ref()?;
    Some(WorkCommand {
        id: CommandId::of_operation(operation.id),
        workspace,
        operation: operation.id,
        kind: operation.kind,
        epoch: operation.epoch,
        deadline: operation.deadline,
        provider: definition.spec.provider,
        node: now.state.node,
        cause: cause.event,
        correlation: cause.correlation,
        actor: cause.actor.clone(),
        traceparent: cause.traceparent.clone(),
        workspace_state: now.state.clone(),
        sequence: now.sequence,
        authorized_keys: Vec::new(),
    })
}

/// What a workspace that is gone held.
fn release(workspace: WorkspaceId, state: &Workspace) -> Option<Effect> {
    let definition = state.definition.as_ref()?;
    let name = ClaimId::Name {
        owner: definition.owner,
        name: definition.name.clone(),
    };
    let port = definition.ssh_port.map(ClaimId::Port);
    Some(Effect::Release {
        workspace,
        claims: [Some(name), port].into_iter().flatten().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use nexus_events::aggregate::Aggregate as _;
    use nexus_events::envelope::Context;
    use nexus_events::id::{NodeId, OperationId, UserId};
    use nexus_events::spec::{Provider, WorkspaceSpec};
    use nexus_events::workspace::{NewOperation, StopReason};

    fn operation(name: &str) -> NewOperation {
        NewOperation {
            id: OperationId::derived(name),
            at: Timestamp::UNIX_EPOCH,
            deadline: Timestamp::UNIX_EPOCH,
        }
    }

    fn requested() -> Event {
        Event::Requested {
            owner: UserId::derived("ada"),
            name: "hello".parse().unwrap(),
            spec: Box::new(WorkspaceSpec::on(Provider::Process)),
            ssh_port: Some(2222),
            operation: operation("create"),
        }
    }

    fn placed() -> Event {
        let node = NodeId::derived("n");
        Event::Placed {
            operation: OperationId::derived("create"),
            epoch: 1,
            node,
        }
    }

    fn stop_requested() -> Event {
        let operation = operation("stop");
        Event::StopRequested {
            operation,
            epoch: 2,
            supersedes: None,
            reason: StopReason::Person,
        }
    }

    fn delete_requested() -> Event {
        Event::DeleteRequested {
            operation: operation("delete"),
            epoch: 2,
            supersedes: None,
        }
    }

    /// What the last of `events` leads to, once all have happened.
    fn reaction(events: &[Event]) -> Vec<Effect> {
        let id = WorkspaceId::derived("w");
        let state = events
            .iter()
            .fold(Workspace::default(), |state, event| state.evolve(event));
        let context = Context {
            id: EventId::derived("e"),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::Operator,
            correlation: CorrelationId::derived("c"),
            causation: None,
            traceparent: None,
        };
        let last = events.last().unwrap().clone();
        react(
            id,
            &Envelope::new(context, &id, last),
            &Snapshot::new(state, 7),
        )
    }

    #[test]
    fn a_request_goes_to_any_worker_of_its_provider() {
        let effects = reaction(&[requested()]);
        let [Effect::Publish(command)] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!((command.kind, command.node), (OperationKind::Create, None));
        assert_eq!((command.sequence, command.epoch), (7, 1));
        assert_eq!(
            effects,
            reaction(&[requested()]),
            "the same event gives the same command"
        );
    }

    #[test]
    fn what_a_node_holds_is_told_to_that_node() {
        for (event, kind) in [
            (stop_requested(), OperationKind::Stop),
            (delete_requested(), OperationKind::Delete),
        ] {
            let effects = reaction(&[requested(), placed(), event]);
            let [Effect::Publish(command)] = effects.as_slice() else {
                panic!("{effects:?}")
            };
            assert_eq!(
                (command.kind, command.node),
                (kind, Some(NodeId::derived("n")))
            );
        }
    }

    #[test]
    fn what_no_node_ever_held_is_reported_here() {
        for (event, result) in [
            (stop_requested(), "stopped"),
            (delete_requested(), "deleted"),
        ] {
            let effects = reaction(&[requested(), event]);
            let [Effect::Report { report, .. }] = effects.as_slice() else {
                panic!("{effects:?}")
            };
            assert_eq!(report.result(), Some(result));
        }
    }

    #[test]
    fn an_operation_that_was_superseded_or_ended_leads_to_nothing() {
        let id = WorkspaceId::derived("w");
        let now = [requested(), stop_requested()]
            .iter()
            .fold(Workspace::default(), |state, event| state.evolve(event));
        let context = Context {
            id: EventId::derived("e"),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::Operator,
            correlation: CorrelationId::derived("c"),
            causation: None,
            traceparent: None,
        };
        let old = Envelope::new(context, &id, requested());
        assert_eq!(react(id, &old, &Snapshot::new(now, 9)), []);
    }

    #[test]
    fn what_is_gone_lets_go_of_its_name_and_port() {
        let deleted = Event::Deleted {
            operation: OperationId::derived("delete"),
            epoch: 2,
            duration_ms: 1,
        };
        let effects = reaction(&[requested(), placed(), delete_requested(), deleted]);
        let [Effect::Release { claims, .. }] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        let owner = UserId::derived("ada");
        let name = ClaimId::Name {
            owner,
            name: "hello".parse().unwrap(),
        };
        assert_eq!(claims, &[name, ClaimId::Port(2222)]);
    }
}
