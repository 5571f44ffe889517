//! Time out and abandon: nothing stays stuck (invariant 7).

use jiff::Timestamp;

use super::Answer;
use crate::aggregate::Decision;
use crate::failure::{Failure, FailureCode};
use crate::id::OperationId;
use crate::workspace::{OperationKind, Rejection, Workspace, WorkspaceEvent};

pub(super) fn decide(state: &Workspace, operation: OperationId, now: Timestamp) -> Answer {
    let Some(current) = state
        .operation
        .as_ref()
        .filter(|current| current.id == operation)
    else {
        return Ok(Decision::Nothing("the operation has ended"));
    };
    if now < current.deadline {
        return Ok(Decision::Nothing("the deadline has not passed"));
    }
    let seconds = current
        .deadline
        .duration_since(current.requested_at)
        .as_secs();
    let name = state.name();
    let mut failure = match current.placed {
        false => Failure::new(
            FailureCode::Timeout,
            format!("no worker took the operation within {seconds} s"),
            "see which workers are there and have room: nexus node list",
        ),
        true => Failure::new(
            FailureCode::Timeout,
            format!("not done within {seconds} s"),
            match current.kind {
                OperationKind::Create | OperationKind::Start => format!(
                    "read what the step printed, then start again: nexus workspace logs {name}"
                ),
                OperationKind::Stop => format!("try again: nexus workspace stop {name}"),
                OperationKind::Delete => format!("try again: nexus workspace delete {name}"),
            },
        ),
    };
    failure.step = current.step.clone();
    Ok(Decision::Event(WorkspaceEvent::Failed {
        operation: current.id,
        epoch: current.epoch,
        failure,
    }))
}

pub(super) fn abandon(state: &Workspace, operation: OperationId, failure: &Failure) -> Answer {
    if state.definition.is_none() {
        return Err(Rejection::NotFound);
    }
    let Some(current) = state
        .operation
        .as_ref()
        .filter(|current| current.id == operation)
    else {
        return Ok(Decision::Nothing("the operation has ended"));
    };
    Ok(Decision::Event(WorkspaceEvent::Failed {
        operation: current.id,
        epoch: current.epoch,
        failure: failure.clone(),
    }))
}
