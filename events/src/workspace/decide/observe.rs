//! What is seen of a running workspace: health of services, unasked ends, activity.

use jiff::Timestamp;

use super::Answer;
use crate::aggregate::Decision;
use crate::name::ServiceName;
use crate::workspace::{
    ActivitySource, Desired, MachineExit, Phase, Rejection, ServiceState, Workspace, WorkspaceEvent,
};

pub(super) fn service(
    state: &Workspace,
    epoch: u64,
    service: &ServiceName,
    reported: ServiceState,
) -> Answer {
    if state.definition.is_none() {
        return Err(Rejection::NotFound);
    }
    if epoch != state.epoch || !matches!(state.desired, Desired::Running) {
        return Ok(Decision::Nothing("the report is about an earlier run"));
    }
    if state.services.get(service) == Some(&reported) {
        return Ok(Decision::Nothing("this is recorded already"));
    }
    let ServiceState {
        status,
        port,
        mapped_port,
        cause,
    } = reported;
    let service = service.clone();
    Ok(Decision::Event(WorkspaceEvent::ServiceChanged {
        epoch,
        service,
        status,
        port,
        mapped_port,
        cause,
    }))
}

pub(super) fn exit(state: &Workspace, epoch: u64, exit: &MachineExit) -> Answer {
    match state.phase {
        Phase::Absent => Err(Rejection::NotFound),
        Phase::Running if epoch == state.epoch => {
            Ok(Decision::Event(WorkspaceEvent::MachineExited {
                epoch,
                exit: exit.clone(),
            }))
        }
        Phase::Running => Ok(Decision::Nothing("the report is about an earlier run")),
        Phase::Requested
        | Phase::Provisioning
        | Phase::Starting
        | Phase::Stopping
        | Phase::Deleting => Ok(Decision::Nothing("the operation in flight will tell")),
        Phase::Stopped | Phase::Deleted | Phase::Failed => {
            Ok(Decision::Nothing("no machine is meant to run"))
        }
    }
}

/// At most once per source and fifth of the idle time, so that typing does not fill the log.
pub(super) fn activity(state: &Workspace, source: ActivitySource, at: Timestamp) -> Answer {
    const NEVER_IDLE_WINDOW: u32 = 600;
    let Some(definition) = &state.definition else {
        return Err(Rejection::NotFound);
    };
    if !matches!(state.phase, Phase::Running | Phase::Starting) {
        return Ok(Decision::Nothing("the workspace is not running"));
    }
    let window = definition
        .spec
        .idle
        .after_seconds
        .unwrap_or(NEVER_IDLE_WINDOW)
        / 5;
    let recent = state
        .activity
        .sources
        .get(&source)
        .is_some_and(|last| at.duration_since(*last).as_secs() < i64::from(window));
    match recent {
        true => Ok(Decision::Nothing("this source was seen a moment ago")),
        false => Ok(Decision::Event(WorkspaceEvent::ActivityObserved {
            source,
            at,
        })),
    }
}
