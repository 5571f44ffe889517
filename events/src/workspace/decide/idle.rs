//! Detect idle: a timer only hints; whether to stop is decided here, against the state of now.

use super::Answer;
use crate::aggregate::Decision;
use crate::name::HoldName;
use crate::workspace::{Hold, NewOperation, Phase, Workspace, WorkspaceEvent};

pub(super) fn decide(state: &Workspace, operation: &NewOperation) -> Answer {
    let Some(definition) = &state.definition else {
        return Ok(Decision::Nothing("there is no such workspace"));
    };
    if state.phase != Phase::Running || state.operation.is_some() {
        return Ok(Decision::Nothing(
            "the workspace is not running undisturbed",
        ));
    }
    let Some(after_seconds) = definition.spec.idle.after_seconds else {
        return Ok(Decision::Nothing("the workspace never stops by itself"));
    };
    match state.idle_at() {
        None => return Ok(Decision::Nothing("a hold keeps the workspace")),
        Some(idle_at) if operation.at < idle_at => {
            return Ok(Decision::Nothing(
                "the workspace was used or held within its idle time",
            ));
        }
        Some(_) => {}
    }
    let lapsed = |(name, hold): (&HoldName, &Hold)| Some((name.clone(), hold.until?));
    Ok(Decision::Event(WorkspaceEvent::IdleDetected {
        operation: *operation,
        epoch: state.epoch + 1,
        looked_at: state.activity.sources.clone(),
        after_seconds,
        lapsed_holds: state.holds.iter().filter_map(lapsed).collect(),
    }))
}
