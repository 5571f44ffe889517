//! Request: a workspace comes to be, once.

use super::Answer;
use crate::aggregate::Decision;
use crate::id::UserId;
use crate::name::WorkspaceName;
use crate::spec::WorkspaceSpec;
use crate::workspace::{NewOperation, Rejection, Workspace, WorkspaceEvent};

pub(super) fn decide(
    state: &Workspace,
    owner: UserId,
    name: &WorkspaceName,
    spec: &WorkspaceSpec,
    ssh_port: Option<u16>,
    operation: &NewOperation,
) -> Answer {
    if state.definition.is_some() {
        return Err(Rejection::AlreadyRequested);
    }
    Ok(Decision::Event(WorkspaceEvent::Requested {
        owner,
        name: name.clone(),
        spec: Box::new(spec.clone()),
        ssh_port,
        operation: *operation,
    }))
}
