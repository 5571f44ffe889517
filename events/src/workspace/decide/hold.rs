//! Holds: a person's word that an idle workspace is to go on running.

use jiff::Timestamp;

use super::Answer;
use crate::aggregate::Decision;
use crate::name::HoldName;
use crate::workspace::{Hold, Phase, Rejection, Workspace, WorkspaceEvent};

/// Holds of one workspace at the same time.
const MOST: usize = 32;

pub(super) fn place(state: &Workspace, name: &HoldName, hold: &Hold) -> Answer {
    match state.phase {
        Phase::Absent => return Err(Rejection::NotFound),
        Phase::Deleting | Phase::Deleted => return Err(Rejection::Deleted),
        Phase::Requested
        | Phase::Provisioning
        | Phase::Starting
        | Phase::Running
        | Phase::Stopping
        | Phase::Stopped
        | Phase::Failed => {}
    }
    if let Some(until) = hold.until.filter(|until| *until <= hold.at) {
        return Err(Rejection::HoldOver { until });
    }
    match state.holds.get(name) {
        Some(known) if known.until == hold.until && known.reason == hold.reason => {
            return Ok(Decision::Nothing("it is held just so already"));
        }
        None if state.holds.len() >= MOST => return Err(Rejection::TooManyHolds { most: MOST }),
        Some(_) | None => {}
    }
    Ok(Decision::Event(WorkspaceEvent::HoldPlaced {
        name: name.clone(),
        hold: hold.clone(),
    }))
}

pub(super) fn release(state: &Workspace, name: &HoldName, at: Timestamp) -> Answer {
    if state.phase == Phase::Absent {
        return Err(Rejection::NotFound);
    }
    if !state.holds.contains_key(name) {
        return Ok(Decision::Nothing("there is no such hold"));
    }
    Ok(Decision::Event(WorkspaceEvent::HoldReleased {
        name: name.clone(),
        at,
    }))
}
