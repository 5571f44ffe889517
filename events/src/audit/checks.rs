//! Whether a log is whole: every message there, readable and unchanged, every intent with its
//! outcome.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Check};
use super::line::{End, Head};
use super::{Entry, Record};
use crate::id::{EventId, OperationId};
use crate::refusal::Refused;
use crate::upcast::AnyEvent;
use crate::workspace::WorkspaceEvent as Event;

/// Complaints told one by one; what comes after is counted.
const TOLD: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// At which message.
    pub sequence: u64,
    /// What.
    pub fault: String,
}

/// What was asked of workspaces, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Operations that were begun.
    pub intents: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those whose place a newer one took.
    pub superseded: u64,
    /// Those that had not ended.
    pub in_flight: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Messages looked at.
    pub events: u64,
    /// Refusals looked at.
    pub refusals: u64,
    /// The first sequence.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
    /// The last link of the stream's chain.
    pub head: String,
    /// Intents and outcomes.
    pub operations: Outcomes,
    /// What is wrong, in the order of the messages.
    pub faults: Vec<Fault>,
    /// What more is wrong, uncounted above.
    pub more_faults: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    InFlight,
    Succeeded,
    Failed,
    Superseded,
}

/// Looks at a log from its first line to its last.
#[derive(Debug)]
pub struct Checks {
    head: Head,
    /// The links of a file; a log read from a server has none yet.
    links: Option<Check>,
    chain: Chain,
    first: u64,
    last: u64,
    events: u64,
    refusals: u64,
    kept: u64,
    ids: HashSet<EventId>,
    operations: HashMap<OperationId, Outcome>,
    faults: Vec<Fault>,
    more_faults: u64,
}

impl Checks {
    /// Of what begins with `head`; with its links, if it is to have some.
    pub fn new(head: Head, with_links: bool) -> Self {
        Self {
            first: 0,
            last: head.after,
            head,
            links: with_links.then(Check::default),
            chain: Chain::default(),
            events: 0,
            refusals: 0,
            kept: 0,
            ids: HashSet::new(),
            operations: HashMap::new(),
            faults: Vec::new(),
            more_faults: 0,
        }
    }

    /// The next message.
    pub fn take(&mut self, record: &Record) {
        let sequence = record.sequence;
        if sequence <= self.last {
            self.complain(sequence, format!("it comes after {}", self.last));
        } else if !self.head.partial && sequence != self.last + 1 {
            self.complain(sequence, format!("{} should have come", self.last + 1));
        }
        self.last = sequence;
        if self.events == 0 {
            self.first = sequence;
        }
        self.events += 1;
        if let Some(links) = &mut self.links
            && !links.take(record)
        {
            self.complain(
                sequence,
                "its hash does not fit: it was changed, or one before it is gone".into(),
            );
        }
        self.chain.seal(&mut record.clone());
        match record.read() {
            Ok(entry) => self.know(&entry),
            Err(error) => self.complain(sequence, format!("it cannot be read: {error}")),
        }
    }

    /// The next refusal.
    pub fn take_refused(&mut self, refused: &Refused) {
        self.refusals += 1;
        if let Some(links) = &mut self.links
            && !links.take_refused(refused)
        {
            let fault = format!("the hash of refusal {} does not fit", refused.number);
            self.complain(self.last, fault);
        }
    }

    /// The next thing that is kept of a user.
    pub const fn take_kept(&mut self) {
        self.kept += 1;
    }

    /// What was found once the last line is `end`; without one, the rest is missing.
    pub fn finish(mut self, end: Option<&End>) -> Report {
        match end {
            None => self.complain(self.last, "the end is missing".into()),
            Some(end) => self.compare(end),
        }
        if !self.head.partial && self.last != self.head.last {
            let fault = format!("the log should go on to {}", self.head.last);
            self.complain(self.last, fault);
        }
        let count = |outcome| {
            let those = self.operations.values().filter(|other| **other == outcome);
            those.count() as u64
        };
        Report {
            events: self.events,
            refusals: self.refusals,
            first: self.first,
            last: self.last,
            head: self.chain.head(),
            operations: Outcomes {
                intents: self.operations.len() as u64,
                succeeded: count(Outcome::Succeeded),
                failed: count(Outcome::Failed),
                superseded: count(Outcome::Superseded),
                in_flight: count(Outcome::InFlight),
            },
            faults: self.faults,
            more_faults: self.more_faults,
        }
    }

    fn compare(&mut self, end: &End) {
        let last = self.last;
        if (end.events, end.refusals) != (self.events, self.refusals) {
            let fault = format!(
                "the end speaks of {} events and {} refusals, {} and {} came",
                end.events, end.refusals, self.events, self.refusals
            );
            self.complain(last, fault);
        }
        if end.kept.is_some_and(|kept| kept != self.kept) {
            self.complain(last, "something that is kept of users is missing".into());
        }
        let fits = match (&self.links, &end.head) {
            (Some(links), Some(head)) => links.ends_with(head),
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !fits {
            self.complain(last, "the last hash is not the one the end names".into());
        }
    }

    fn know(&mut self, entry: &Entry) {
        let sequence = entry.sequence;
        if !self.ids.insert(entry.id()) {
            self.complain(sequence, format!("its id came before: {}", entry.id()));
        }
        let AnyEvent::Workspace(event) = &entry.event else {
            return;
        };
        if let Some(operation) = event.data.begins() {
            if let Event::StartRequested { supersedes, .. }
            | Event::StopRequested { supersedes, .. }
            | Event::DeleteRequested { supersedes, .. } = &event.data
                && let Some(before) = supersedes
            {
                self.end(sequence, *before, Outcome::Superseded);
            }
            self.operations.insert(operation, Outcome::InFlight);
        } else if let (Some(result), Some(operation)) = (event.data.ends(), event.data.operation())
        {
            let outcome = match result {
                "failed" => Outcome::Failed,
                _ => Outcome::Succeeded,
            };
            self.end(sequence, operation, outcome);
        }
    }

    fn end(&mut self, sequence: u64, operation: OperationId, outcome: Outcome) {
        match self.operations.insert(operation, outcome) {
            Some(Outcome::InFlight) => {}
            // A part of a log may begin with the outcome.
            None if self.head.partial || self.head.after > 0 => {}
            None => self.complain(
                sequence,
                format!("an outcome without its intent: {operation}"),
            ),
            Some(_) => self.complain(sequence, format!("a second outcome of {operation}")),
        }
    }

    fn complain(&mut self, sequence: u64, fault: String) {
        if self.faults.len() < TOLD {
            self.faults.push(Fault { sequence, fault });
        } else {
            self.more_faults += 1;
        }
    }
}
