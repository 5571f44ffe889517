//! An incident in one file: what happened around an event, without anything personal in it.
//!
//! Every aggregate that an event of the window is about comes with its whole history up to the end
//! of the window, so the deciders can be asked again on another machine. Names, repositories,
//! commands, texts and sealed fields are replaced, the same by the same, so that every decision
//! comes out as it did.

mod redact;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{Entry, Record};
pub use redact::Redaction;

/// Which events are of the incident.
#[derive(Debug, Clone)]
pub struct Window {
    range: RangeInclusive<u64>,
    subjects: BTreeSet<String>,
}

impl Window {
    /// Around `sequence`, so many events before and after it.
    pub fn around(sequence: u64, within: u64) -> Self {
        let range = sequence.saturating_sub(within)..=sequence.saturating_add(within);
        Self {
            range,
            subjects: BTreeSet::new(),
        }
    }

    /// The last event of it.
    pub const fn last(&self) -> u64 {
        *self.range.end()
    }

    /// Looks at a message, the first time the log is read: what it is about belongs to it.
    pub fn look_at(&mut self, record: &Record) {
        if self.range.contains(&record.sequence) {
            self.subjects.insert(record.subject.clone());
        }
    }

    /// Whether a message is part of it, the second time.
    pub fn wants(&self, record: &Record) -> bool {
        record.sequence <= self.last() && self.subjects.contains(&record.subject)
    }
}

/// Leaves out everything personal, for as long as the file goes on.
#[derive(Debug, Default)]
pub struct Redactor {
    redaction: Redaction,
}

impl Redactor {
    /// The same event without anything personal.
    pub fn redacted(&mut self, entry: Entry) -> Record {
        let (sequence, stored_at) = (entry.sequence, entry.stored_at);
        let (subject, payload) = self.redaction.event(entry.event);
        Record::new(sequence, subject, stored_at, &payload)
    }
}
