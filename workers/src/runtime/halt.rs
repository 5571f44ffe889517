//! Why work stops before its end.

use nexus_events::failure::Failure;

/// Why an operation is let go of.
#[derive(Debug, Clone)]
pub(super) enum Halt {
    /// It is no longer in flight, or on another node: nothing is left to be told.
    Superseded,
    /// It failed; this is its outcome.
    Failed(Failure),
    /// It is past its deadline.
    Overdue,
    /// This worker cannot go on with it: it ends, or the log refuses its reports.
    HandBack(String),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
