//! Stop: bring it down and keep its files. Accepted while it starts: the newest intent wins.

use super::Answer;
use crate::aggregate::Decision;
use crate::workspace::{NewOperation, Phase, Rejection, StopReason, Workspace, WorkspaceEvent};

pub(super) fn decide(state: &Workspace, operation: &NewOperation, reason: StopReason) -> Answer {
    match state.phase {
        Phase::Absent => Err(Rejection::NotFound),
        Phase::Deleting | Phase::Deleted => Err(Rejection::Deleted),
        Phase::Stopping => Ok(Decision::Nothing("the workspace is stopping already")),
        Phase::Stopped => Ok(Decision::Nothing("the workspace is stopped already")),
        Phase::Requested
        | Phase::Provisioning
        | Phase::Starting
        | Phase::Running
        | Phase::Failed => Ok(Decision::Event(WorkspaceEvent::StopRequested {
            operation: *operation,
            epoch: state.epoch + 1,
            supersedes: state.operation.as_ref().map(|current| current.id),
            reason,
        })),
    }
}
