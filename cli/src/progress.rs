//! Progress, told from the events of an operation as they come; how it looks is one of
//! [`spinner`], [`lines`] or nothing.

mod lines;
mod spinner;

use nexus_events::failure::Failure;
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
        let (whose, change) = Self::told(event)?;
        (whose == operation).then_some(change)
    }

    /// What `event` says of the progress of an operation, and of which.
    fn told(event: WorkspaceEvent) -> Option<(OperationId, Self)> {
        use WorkspaceEvent as Event;
        Some(match event {
            Event::Placed {
                operation, node, ..
            } => (operation, Self::Placed { node }),
            Event::StepStarted {
                operation, step, ..
            } => (operation, Self::Started { step }),
            Event::StepSucceeded {
                operation,
                step,
                duration_ms,
                detail,
                ..
            } => (
                operation,
                Self::Ended {
                    step,
                    ok: true,
                    duration_ms,
                    detail,
                },
            ),
            Event::StepFailed {
                operation,
                duration_ms,
                failure,
                ..
            } => (operation, Self::failed(failure, duration_ms)?),
            Event::Ready { operation, .. }
            | Event::Stopped { operation, .. }
            | Event::Deleted { operation, .. } => (operation, OperationState::Succeeded.into()),
            Event::Failed { operation, .. } => (operation, OperationState::Failed.into()),
            Event::StartRequested { supersedes, .. }
            | Event::StopRequested { supersedes, .. }
            | Event::DeleteRequested { supersedes, .. } => {
                (supersedes?, OperationState::Superseded.into())
            }
            Event::Requested { .. }
            | Event::IdleDetected { .. }
            | Event::MachineReady { .. }
            | Event::RepositoryCloned { .. }
            | Event::ServiceChanged { .. }
            | Event::MachineExited { .. }
            | Event::ActivityObserved { .. }
            | Event::SshPortRefused { .. }
            | Event::SshPortMoved { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldReleased { .. }
            | Event::ResultIgnored { .. } => return None,
        })
    }

    fn failed(failure: Failure, duration_ms: u64) -> Option<Self> {
        Some(Self::Ended {
            step: failure.step?,
            ok: false,
            duration_ms,
            detail: Some(failure.cause),
        })
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

impl From<OperationState> for Change {
    fn from(state: OperationState) -> Self {
        Self::Finished { state }
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
