//! What came of one run, as the process that ran it tells the one that wanted it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// SHA-256 of the trace.
    pub digest: String,
    /// How many lines the trace has.
    pub lines: u64,
    /// How many events the log has at the end.
    pub events: u64,
    /// How many turns the processes took.
    pub turns: u64,
    /// How long it lasted on its own time, in milliseconds.
    pub lasted_ms: u64,
    /// How many operations were accepted.
    pub operations: u64,
    /// What did not hold; the run ended there.
    pub violation: Option<Violation>,
    /// The trace, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

/// Something that must hold and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which rule; the same failure has the same one.
    pub rule: String,
    /// What was seen.
    pub seen: String,
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
}

impl Report {
    /// A run that did not come to its end.
    pub(super) fn hung(after: Duration) -> Self {
        Self {
            digest: String::new(),
            lines: 0,
            events: 0,
            turns: 0,
            lasted_ms: 0,
            operations: 0,
            violation: Some(Violation {
                rule: "a run ends".into(),
                seen: format!("nothing after {} s of this machine's time", after.as_secs()),
                at_ms: 0,
            }),
            trace: Vec::new(),
        }
    }
}
