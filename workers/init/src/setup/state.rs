//! How far the plan in force came.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use nexus_init_protocol::status::{SetupState, StepResult as StoredResult, StepState};
use nexus_init_protocol::{Readiness, ReportEvent, SetupPhase, SetupPlan, StepName};
use tokio::task::AbortHandle;

use super::StepResult;
use crate::clock::elapsed_ms;
use crate::sync::Lock;
use crate::workspace::Workspace;

/// The one set-up at a time.
#[derive(Debug, Default)]
pub(crate) struct SetupControl {
    pub(super) active: Mutex<Option<Active>>,
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) state: SetupState,
    pub(super) task: Option<AbortHandle>,
    started: Instant,
    step_started: Instant,
}

impl Active {
    pub(super) fn new(plan: &SetupPlan) -> Self {
        Self {
            state: SetupState {
                operation: plan.operation.clone(),
                epoch: plan.epoch,
                phase: SetupPhase::Running,
                steps: Vec::new(),
            },
            task: None,
            started: Instant::now(),
            step_started: Instant::now(),
        }
    }

    /// A newer plan takes over: what is under way ends, and the journal says so.
    pub(super) fn supersede(&self, workspace: &Arc<Workspace>) {
        if let Some(task) = &self.task {
            task.abort();
        }
        if self.state.phase == SetupPhase::Running {
            workspace.journal.append(ReportEvent::SetupFinished {
                readiness: Readiness::Superseded,
                duration_ms: elapsed_ms(self.started),
            });
        }
    }

    pub(super) fn current_state(&self) -> SetupState {
        let mut state = self.state.clone();
        if let Some(step) = state.steps.last_mut()
            && step.result.is_none()
        {
            step.duration_ms = elapsed_ms(self.step_started);
        }
        state
    }
}

impl SetupControl {
    pub(super) fn begin_step(&self, step: &StepName) {
        if let Some(active) = self.active.hold().as_mut() {
            active.step_started = Instant::now();
            active.state.steps.push(StepState {
                step: step.clone(),
                duration_ms: 0,
                result: None,
            });
        }
    }

    pub(super) fn end_step(&self, name: &StepName, duration_ms: u64, result: &StepResult) {
        if let Some(active) = self.active.hold().as_mut()
            && let Some(step) = active.state.steps.last_mut()
            && step.step == *name
        {
            step.duration_ms = duration_ms;
            step.result = Some(match result {
                Ok(detail) => StoredResult::Succeeded(detail.clone()),
                Err(error) => StoredResult::Failed((*error.0).clone()),
            });
        }
    }

    pub(super) fn finish(&self, plan: &SetupPlan, readiness: &Readiness) {
        if let Some(active) = self.active.hold().as_mut()
            && active.state.operation == plan.operation
            && active.state.epoch == plan.epoch
        {
            active.state.phase = SetupPhase::Finished {
                readiness: readiness.clone(),
            };
        }
    }
}
