//! How a provider fails: classes that decide what happens next, and the sentence for people.

use std::error::Error;
use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};

/// What kind of failure it is, which decides what the runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The engine refused our credentials or rights: no retry, a person has to mend it.
    Auth,
    /// The engine refused the request as wrong: the same again cannot help.
    Invalid,
    /// The image or machine is not there.
    Absent,
    /// Something that is not ours has the name.
    Exists,
    /// The machine is in a state that forbids it, for now.
    Busy,
    /// No room.
    Capacity,
    /// The engine asked for patience.
    Rate,
    /// The engine failed or could not be reached; nothing was changed, or it does not matter.
    Transient,
    /// Whether the effect happened is not known: look before doing it again.
    Unknown,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Auth,
        Self::Invalid,
        Self::Absent,
        Self::Exists,
        Self::Busy,
        Self::Capacity,
        Self::Rate,
        Self::Transient,
        Self::Unknown,
    ];

    /// Whether the same call may succeed in a moment. All calls are idempotent, so an unknown
    /// outcome is answered by calling again: the call itself looks first.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Busy | Self::Rate | Self::Transient | Self::Unknown => true,
            Self::Auth | Self::Invalid | Self::Absent | Self::Exists | Self::Capacity => false,
        }
    }

    const fn failure_code(self) -> FailureCode {
        match self {
            Self::Auth => FailureCode::AuthenticationError,
            Self::Invalid => FailureCode::ValidationError,
            Self::Absent => FailureCode::NotFound,
            Self::Exists => FailureCode::Conflict,
            Self::Busy | Self::Unknown => FailureCode::ServerError,
            Self::Capacity => FailureCode::Capacity,
            Self::Rate => FailureCode::RateLimit,
            Self::Transient => FailureCode::NetworkError,
        }
    }

    const fn default_hint(self) -> &'static str {
        match self {
            Self::Auth => "give the worker access to its engine, then: nexus doctor",
            Self::Invalid => "change the request: nexus workspace create --help",
            Self::Absent => "see what is there: nexus doctor",
            Self::Exists => "remove what has the name, then: nexus workspace start NAME",
            Self::Busy | Self::Rate | Self::Unknown => {
                "try again in a moment: nexus workspace start NAME"
            }
            Self::Capacity => "stop or delete another workspace: nexus workspace list",
            Self::Transient => "see whether the engine runs: nexus doctor",
        }
    }
}

/// Why a provider could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {cause}")]
pub struct ProviderError {
    /// What kind of failure.
    pub class: ErrorClass,
    /// What was attempted, as a gerund (`starting container ws-…`).
    pub attempted: String,
    /// What the engine said, without secrets.
    pub cause: String,
    /// The next command to type, where a better one than the class's is known.
    pub hint: Option<String>,
    /// How long the engine asks to wait.
    pub retry_after: Option<Duration>,
    /// The error below.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// A failure of this class.
    pub fn new(class: ErrorClass, attempted: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            class,
            attempted: attempted.into(),
            cause: cause.into(),
            hint: None,
            retry_after: None,
            source: None,
        }
    }

    /// The same, with the next command to type.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with the error below.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What the log keeps of it.
    pub fn to_failure(&self) -> Failure {
        let hint = match &self.hint {
            Some(hint) => hint.as_str(),
            None => self.class.default_hint(),
        };
        let mut failure = Failure::new(self.class.failure_code(), self.to_string(), hint);
        failure.retryable |= self.class.is_retryable();
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_hint_and_keeps_its_retryability() {
        for class in ErrorClass::ALL {
            let failure = ProviderError::new(class, "starting", "no").to_failure();
            assert!(!failure.hint.is_empty());
            assert_eq!(failure.cause, "starting: no");
            assert!(failure.retryable || !class.is_retryable(), "{class:?}");
        }
    }

    #[test]
    fn the_provider_s_own_hint_wins() {
        let error = ProviderError::new(ErrorClass::Absent, "creating", "No such image: x")
            .with_hint("docker pull x");
        assert_eq!(error.to_failure().hint, "docker pull x");
    }
}
