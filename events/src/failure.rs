//! How something that was accepted can end badly: a code, a cause and what to do next.

use serde::{Deserialize, Serialize};

use crate::workspace::Step;

/// The classes of failure, stable for programs to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The provider refused the worker's credentials.
    AuthenticationError,
    /// The provider refused the request as wrong.
    ValidationError,
    /// An image, repository or machine is not there.
    NotFound,
    /// Something else has the name, the port or the machine.
    Conflict,
    /// No room on any node or in any region tried.
    Capacity,
    /// The provider asked for patience.
    RateLimit,
    /// The provider failed.
    ServerError,
    /// The provider could not be reached.
    NetworkError,
    /// It did not end before its deadline.
    Timeout,
    /// A process inside the workspace failed: clone, install, hook.
    ProcessError,
    /// The machine ended without being asked to.
    MachineExited,
    /// The node that holds the machine is gone.
    NodeLost,
    /// A fault of our own.
    InternalError,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The class.
    pub code: FailureCode,
    /// The step it happened in, where it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// What went wrong, in one sentence, without secrets.
    pub cause: String,
    /// What to do about it: the next command to type.
    pub hint: String,
    /// Whether the same request may succeed later as it is.
    pub retryable: bool,
}

impl Failure {
    /// A failure outside any step.
    pub fn new(code: FailureCode, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        let retryable = match code {
            FailureCode::Capacity
            | FailureCode::RateLimit
            | FailureCode::ServerError
            | FailureCode::NetworkError
            | FailureCode::Timeout
            | FailureCode::MachineExited
            | FailureCode::NodeLost
            | FailureCode::Conflict => true,
            FailureCode::AuthenticationError
            | FailureCode::ValidationError
            | FailureCode::NotFound
            | FailureCode::ProcessError
            | FailureCode::InternalError => false,
        };
        Self {
            code,
            step: None,
            cause: cause.into(),
            hint: hint.into(),
            retryable,
        }
    }

    /// The same failure, in `step`.
    #[must_use]
    pub fn in_step(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }
}
