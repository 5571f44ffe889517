//! Detect idle: a timer only hints; whether to stop is decided here, against the state of now.

use super::Answer;
use crate::aggregate::Decision;
use crate::workspace::{NewOperation, Phase, Workspace, WorkspaceEvent};

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
    let last = state.activity.last().unwrap_or(definition.requested_at);
    if operation.at.duration_since(last).as_secs() < i64::from(after_seconds) {
        return Ok(Decision::Nothing(
            "the workspace was used within its idle time",
        ));
    }
    Ok(Decision::Event(WorkspaceEvent::IdleDetected {
        operation: *operation,
        epoch: state.epoch + 1,
        looked_at: state.activity.sources.clone(),
        after_seconds,
    }))
}
