//! Start: bring it up. Accepted while it stops or after a failure; refused only once it is going.

use super::Answer;
use crate::aggregate::Decision;
use crate::workspace::{NewOperation, Phase, Rejection, Workspace, WorkspaceEvent};

pub(super) fn decide(state: &Workspace, operation: &NewOperation) -> Answer {
    match state.phase {
        Phase::Absent => Err(Rejection::NotFound),
        Phase::Deleting | Phase::Deleted => Err(Rejection::Deleted),
        Phase::Requested | Phase::Provisioning | Phase::Starting => {
            Ok(Decision::Nothing("the workspace is starting already"))
        }
        Phase::Running => Ok(Decision::Nothing("the workspace is running already")),
        Phase::Stopping | Phase::Stopped | Phase::Failed => {
            Ok(Decision::Event(WorkspaceEvent::StartRequested {
                operation: *operation,
                epoch: state.epoch + 1,
                supersedes: state.operation.as_ref().map(|current| current.id),
            }))
        }
    }
}
