//! In what a stream differs from what it is to be, and whether that can be changed safely.

use std::fmt;

use async_nats::jetstream::stream::Config;
use serde_json::{Map, Value};

/// Settings that change no stored message when updated, and lose none.
const SAFE: [&str; 7] = [
    "description",
    "max_age",
    "max_bytes",
    "max_msg_size",
    "duplicate_window",
    REPLICAS,
    "allow_direct",
];

/// On how many servers: more of them is safe.
pub(super) const REPLICAS: &str = "num_replicas";

/// Settings that are the operator's, or the server's own notes.
const THEIRS: [&str; 5] = [
    "metadata",
    "placement",
    "consumer_limits",
    "compression",
    "subject_delete_marker_ttl",
];

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as the server calls it.
    pub setting: String,
    /// What it is to be.
    pub wanted: Value,
    /// What it is.
    pub found: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: is {}, must be {}",
            self.setting, self.found, self.wanted
        )
    }
}

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// What can be updated.
    pub(super) safe: Vec<Difference>,
    /// What cannot.
    pub(super) unsafe_to_change: Vec<Difference>,
}

/// Compares every setting either side has.
pub(super) fn compare(wanted: &Config, found: &Config) -> Result<Drift, serde_json::Error> {
    let (wanted, found) = (settings(wanted)?, settings(found)?);
    let mut names: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut drift = Drift::default();
    for name in names {
        let (want, have) = (value(&wanted, name), value(&found, name));
        if want == have || THEIRS.contains(&name.as_str()) {
            continue;
        }
        let difference = Difference {
            setting: name.clone(),
            wanted: want,
            found: have,
        };
        if SAFE.contains(&name.as_str()) && !takes_copies_away(&difference) {
            drift.safe.push(difference);
        } else {
            drift.unsafe_to_change.push(difference);
        }
    }
    Ok(drift)
}

/// Fewer copies than there are: whoever asks for that has forgotten to say how many.
fn takes_copies_away(difference: &Difference) -> bool {
    difference.setting == REPLICAS && difference.wanted.as_u64() < difference.found.as_u64()
}

fn settings(config: &Config) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(config)? {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// The setting's value; what the server leaves out, writes as 0, as -1 or as false is all "none".
fn value(settings: &Map<String, Value>, name: &str) -> Value {
    match settings.get(name) {
        None => Value::Null,
        Some(Value::Bool(false)) => Value::Null,
        Some(Value::Number(number)) if matches!(number.as_i64(), Some(0 | -1)) => Value::Null,
        Some(value) => value.clone(),
    }
}
