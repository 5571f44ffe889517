//! Delete: accepted from every state but the last, whatever is under way.

use super::Answer;
use crate::aggregate::Decision;
use crate::workspace::{NewOperation, Phase, Rejection, Workspace, WorkspaceEvent};

pub(super) fn decide(state: &Workspace, operation: &NewOperation) -> Answer {
    match state.phase {
        Phase::Absent => Err(Rejection::NotFound),
        Phase::Deleting => Ok(Decision::Nothing("the workspace is being deleted already")),
        Phase::Deleted => Ok(Decision::Nothing("the workspace is deleted already")),
        Phase::Requested
        | Phase::Provisioning
        | Phase::Starting
        | Phase::Running
        | Phase::Stopping
        | Phase::Stopped
        | Phase::Failed => Ok(Decision::Event(WorkspaceEvent::DeleteRequested {
            operation: *operation,
            epoch: state.epoch + 1,
            supersedes: state.operation.as_ref().map(|current| current.id),
        })),
    }
}
