//! Progress, told from the events of an operation as they come; how it looks is one of
//! [`spinner`], [`lines`] or nothing.

mod lines;
mod spinner;

use nexus_events::id::{NodeId, OperationId};
use nexus_events::view::{OperationState, StepView};
use nexus_events::workspace::{Step, WorkspaceEvent};

use crate::args::ProgressForm;
use crate::context::Context;

/// Something that happened to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A worker has taken it.
    Placed {
        /// On this node.
        node: NodeId,
    },
    /// A step began.
    Started {
        /// Which.
        step: Step,
    },
    /// A step ended.
    Ended {
        /// Which.
        step: Step,
        /// Whether well.
        ok: bool,
        /// Milliseconds it took.
        duration_ms: u64,
        /// What came out of it, or why it failed.
        detail: Option<String>,
    },
    /// The operation ended.
    Finished {
        /// How.
        state: OperationState,
    },
}

impl Change {
    /// What `event` means for `operation`; `None` when it is about something else.
    pub(crate) fn of(event: WorkspaceEvent, operation: OperationId) -> Option<Self> {
        use WorkspaceEvent as Event;
        let ours = |id: OperationId| id == operation;
        let finished = |state| Some(Self::Finished { state });
        match event {
            Event::Placed {
                operation: id,
                node,
                ..
            } if ours(id) => Some(Self::Placed { node }),
            Event::StepStarted {
                operation: id,
                step,
                ..
            } if ours(id) => Some(Self::Started { step }),
            Event::StepSucceeded {
                operation: id,
                step,
                duration_ms,
                detail,
                ..
            } if ours(id) => Some(Self::Ended {
                step,
                ok: true,
                duration_ms,
                detail,
            }),
            Event::StepFailed {
                operation: id,
                duration_ms,
                failure,
                ..
            } if ours(id) => Some(Self::Ended {
                step: failure.step?,
                ok: false,
                duration_ms,
                detail: Some(failure.cause),
            }),
            Event::Ready { operation: id, .. }
            | Event::Stopped { operation: id, .. }
            | Event::Deleted { operation: id, .. }
                if ours(id) =>
            {
                finished(OperationState::Succeeded)
            }
            Event::Failed { operation: id, .. } if ours(id) => finished(OperationState::Failed),
            Event::StartRequested {
                supersedes: Some(id),
                ..
            }
            | Event::StopRequested {
                supersedes: Some(id),
                ..
            }
            | Event::DeleteRequested {
                supersedes: Some(id),
                ..
            } if ours(id) => finished(OperationState::Superseded),
            Event::Requested { .. }
            | Event::StartRequested { .. }
            | Event::StopRequested { .. }
            | Event::DeleteRequested { .. }
            | Event::IdleDetected { .. }
            | Event::Placed { .. }
            | Event::StepStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::StepFailed { .. }
            | Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::ServiceChanged { .. }
            | Event::Ready { .. }
            | Event::Stopped { .. }
            | Event::Deleted { .. }
            | Event::Failed { .. }
            | Event::MachineExited { .. }
            | Event::ActivityObserved { .. }
            | Event::ResultIgnored { .. } => None,
        }
    }

    /// What is known of a step already when the following begins.
    pub(crate) fn known(step: &StepView) -> Vec<Self> {
        let started = Self::Started {
            step: step.step.clone(),
        };
        let ended = |ok| Self::Ended {
            step: step.step.clone(),
            ok,
            duration_ms: step.duration_ms.unwrap_or(0),
            detail: match &step.failure {
                Some(failure) => Some(failure.cause.clone()),
                None => step.detail.clone(),
            },
        };
        match step.state {
            OperationState::InFlight => vec![started],
            OperationState::Succeeded => vec![started, ended(true)],
            OperationState::Failed | OperationState::Superseded => vec![started, ended(false)],
        }
    }
}

/// Where progress is shown.
pub(crate) enum Progress {
    /// Nowhere.
    Silent,
    /// A line for each change.
    Lines(lines::Lines),
    /// A terminal, redrawn.
    Spinners(spinner::Spinners),
}

impl Progress {
    /// The form asked for, or the one that suits the screen; `title` says what is under way.
    pub(crate) fn begin(context: &Context, operation: OperationId, title: &str) -> Self {
        let lines = |json| Self::Lines(lines::Lines::new(operation, json));
        match context.progress {
            ProgressForm::None => Self::Silent,
            ProgressForm::Plain => lines(false),
            ProgressForm::Json => lines(true),
            ProgressForm::Auto if context.screen.talk_to_terminal => {
                Self::Spinners(spinner::Spinners::new(title, context.screen))
            }
            ProgressForm::Auto => lines(false),
        }
    }

    /// Shows `change`.
    pub(crate) fn show(&mut self, change: &Change) {
        match self {
            Self::Silent => {}
            Self::Lines(lines) => lines.show(change),
            Self::Spinners(spinners) => spinners.show(change),
        }
    }
}

#[cfg(test)]
mod tests;
