//! The port for SSH: a claim says who may have it, a bind at the node who does.

use super::Answer;
use crate::aggregate::Decision;
use crate::workspace::{Desired, Rejection, Workspace, WorkspaceEvent};

pub(super) fn refuse(state: &Workspace, epoch: u64, port: u16, cause: &str) -> Answer {
    if let Some(nothing) = is_not_answering_on(state, port)? {
        return Ok(nothing);
    }
    if epoch != state.epoch {
        return Ok(Decision::Nothing("the report is about an earlier run"));
    }
    if state.ssh_port_refused {
        return Ok(Decision::Nothing("this is recorded already"));
    }
    Ok(Decision::Event(WorkspaceEvent::SshPortRefused {
        epoch,
        port,
        cause: cause.to_owned(),
    }))
}

/// Only a port that was refused is changed: any other is in people's hands.
pub(super) fn put(state: &Workspace, from: u16, to: u16) -> Answer {
    if let Some(nothing) = is_not_answering_on(state, from)? {
        return Ok(nothing);
    }
    if !state.ssh_port_refused {
        return Ok(Decision::Nothing("it may be listened on by now"));
    }
    Ok(Decision::Event(WorkspaceEvent::SshPortMoved { from, to }))
}

/// Why nothing is to be done about `port`, unless it is the workspace's to answer on.
fn is_not_answering_on(
    state: &Workspace,
    port: u16,
) -> Result<Option<Decision<WorkspaceEvent>>, Rejection> {
    let Some(definition) = &state.definition else {
        return Err(Rejection::NotFound);
    };
    Ok(match state.desired {
        Desired::Nothing | Desired::Deleted => {
            Some(Decision::Nothing("it is not to be reached any more"))
        }
        Desired::Running | Desired::Stopped if definition.ssh_port != Some(port) => {
            Some(Decision::Nothing("it answers on another port"))
        }
        Desired::Running | Desired::Stopped => None,
    })
}
