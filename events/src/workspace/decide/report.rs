//! Report: believed at the epoch in flight; a late result is recorded and changes nothing.

use jiff::Timestamp;

use super::{Answer, in_flight};
use crate::aggregate::Decision;
use crate::id::{NodeId, OperationId};
use crate::workspace::{Operation, Rejection, Report, Workspace, WorkspaceEvent as Event};

pub(super) fn decide(
    state: &Workspace,
    operation: OperationId,
    epoch: u64,
    node: Option<NodeId>,
    report: &Report,
) -> Answer {
    let Some(current) = in_flight(state, operation, epoch) else {
        return late(state, operation, epoch, node, report);
    };
    match (state.node, node) {
        (Some(holder), Some(other)) if holder != other => {
            return Err(Rejection::PlacedElsewhere { node: holder });
        }
        _ => {}
    }
    if report_is_known(state, current, report) {
        return Ok(Decision::Nothing("this is recorded already"));
    }
    Ok(Decision::Event(event(current, report)))
}

/// A redelivered command reports again what its first delivery reported.
fn report_is_known(state: &Workspace, current: &Operation, report: &Report) -> bool {
    match report {
        Report::StepStarted { step } => current.step.as_ref() == Some(step),
        Report::MachineReady { machine } => state.machine.as_ref() == Some(machine),
        Report::StepSucceeded { .. }
        | Report::StepFailed { .. }
        | Report::RepositoryCloned { .. }
        | Report::Ready { .. }
        | Report::Stopped { .. }
        | Report::Deleted { .. }
        | Report::Failed { .. } => false,
    }
}

fn event(current: &Operation, report: &Report) -> Event {
    let (operation, epoch) = (current.id, current.epoch);
    let took = |at: &Timestamp| {
        u64::try_from(at.duration_since(current.requested_at).as_millis()).unwrap_or(0)
    };
    match report.clone() {
        Report::StepStarted { step } => Event::StepStarted {
            operation,
            epoch,
            step,
        },
        Report::StepSucceeded {
            step,
            duration_ms,
            detail,
        } => Event::StepSucceeded {
            operation,
            epoch,
            step,
            duration_ms,
            detail,
        },
        Report::StepFailed {
            duration_ms,
            failure,
        } => Event::StepFailed {
            operation,
            epoch,
            duration_ms,
            failure,
        },
        Report::MachineReady { machine } => Event::MachineReady {
            operation,
            epoch,
            machine,
        },
        Report::RepositoryCloned { commit, branch } => Event::RepositoryCloned {
            operation,
            epoch,
            commit,
            branch,
        },
        Report::Ready { at, partial } => Event::Ready {
            operation,
            epoch,
            at,
            partial,
            duration_ms: took(&at),
        },
        Report::Stopped { at } => Event::Stopped {
            operation,
            epoch,
            duration_ms: took(&at),
        },
        Report::Deleted { at } => Event::Deleted {
            operation,
            epoch,
            duration_ms: took(&at),
        },
        Report::Failed { failure } => Event::Failed {
            operation,
            epoch,
            failure,
        },
    }
}

fn late(
    state: &Workspace,
    operation: OperationId,
    epoch: u64,
    node: Option<NodeId>,
    report: &Report,
) -> Answer {
    if state.definition.is_none() {
        return Err(Rejection::NotFound);
    }
    match report.result() {
        // The same result told twice: the first telling ended this very operation.
        Some(_) if state.operation.is_none() && state.epoch == epoch => {
            Ok(Decision::Nothing("the operation has ended already"))
        }
        Some(result) => Ok(Decision::Event(Event::ResultIgnored {
            operation,
            epoch,
            node,
            result: result.into(),
        })),
        None => Err(Rejection::NotInFlight { operation }),
    }
}
