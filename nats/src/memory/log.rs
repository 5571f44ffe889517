//! The log's twin: one list of events, and where those of each aggregate are in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nexus_events::id::EventId;
use tokio::sync::watch;

use super::Flaws;
use crate::event_log::{Append, AppendError, Expected, LogInfo, NewEvent, Recorded};
use crate::subject::EventSubject;

/// A log that lives as long as its last clone.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flaws: Flaws,
    stored: Mutex<Stored>,
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Stored {
    created: Timestamp,
    /// The event with sequence n is at n - 1.
    events: Vec<Recorded>,
    sequences: HashMap<EventSubject, Vec<u64>>,
    ids: HashMap<EventId, u64>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::with_flaws(Flaws::default())
    }
}

impl MemoryLog {
    pub(super) fn with_flaws(flaws: Flaws) -> Self {
        let stored = Stored {
            created: Timestamp::now(),
            events: Vec::new(),
            sequences: HashMap::new(),
            ids: HashMap::new(),
        };
        let last = watch::Sender::new(0);
        Self {
            shared: Arc::new(Shared {
                flaws,
                stored: Mutex::new(stored),
                last,
            }),
        }
    }

    pub(crate) fn append(
        &self,
        expected: Expected,
        event: &NewEvent,
    ) -> Result<Append, AppendError> {
        let mut stored = self.stored();
        if let Some(sequence) = stored.ids.get(&event.id).copied() {
            return stored.before(event, sequence);
        }
        let actual = stored.last_of(&event.subject);
        if actual != expected.sequence() && !self.shared.flaws.unfenced {
            return Ok(Append::Conflict { actual });
        }
        let sequence = stored.push(event);
        self.shared.last.send_replace(sequence);
        Ok(Append::Stored { sequence })
    }

    pub(crate) fn read_after(&self, subject: &EventSubject, sequence: u64) -> Vec<Recorded> {
        let stored = self.stored();
        let Some(sequences) = stored.sequences.get(subject) else {
            return Vec::new();
        };
        let first = sequences.partition_point(|&known| known <= sequence);
        sequences[first..]
            .iter()
            .filter_map(|&sequence| stored.at(sequence).cloned())
            .collect()
    }

    pub(crate) fn last(&self, subject: &EventSubject) -> Option<Recorded> {
        let stored = self.stored();
        stored.at(stored.last_of(subject)).cloned()
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<Recorded> {
        self.stored().at(sequence).cloned()
    }

    pub(crate) fn info(&self) -> LogInfo {
        let stored = self.stored();
        LogInfo {
            created: stored.created,
            first_sequence: 1,
            last_sequence: stored.events.len() as u64,
            missing: 0,
            bytes: stored
                .events
                .iter()
                .map(|event| event.payload.len() as u64)
                .sum(),
        }
    }

    /// Up to `limit` events after `sequence` that `wanted` names.
    pub(crate) fn some_after(
        &self,
        sequence: u64,
        limit: usize,
        wanted: impl Fn(&EventSubject) -> bool,
    ) -> Vec<Recorded> {
        let first = usize::try_from(sequence).unwrap_or(usize::MAX);
        let stored = self.stored();
        let later = stored.events.get(first..).unwrap_or_default();
        later
            .iter()
            .filter(|event| wanted(&event.subject))
            .take(limit)
            .cloned()
            .collect()
    }

    /// The last sequence given, and when that changes.
    pub(crate) fn watch_last(&self) -> watch::Receiver<u64> {
        self.shared.last.subscribe()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.shared
            .stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn at(&self, sequence: u64) -> Option<&Recorded> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.events.get(index)
    }

    fn last_of(&self, subject: &EventSubject) -> u64 {
        self.sequences
            .get(subject)
            .and_then(|known| known.last())
            .copied()
            .unwrap_or(0)
    }

    /// The answer for an id that is known: ours, or another aggregate's.
    fn before(&self, event: &NewEvent, sequence: u64) -> Result<Append, AppendError> {
        if self
            .at(sequence)
            .is_some_and(|known| known.subject == event.subject)
        {
            return Ok(Append::Repeated { sequence });
        }
        let subject = event.subject.to_string();
        Err(AppendError::IdTaken {
            subject,
            id: event.id,
            sequence,
        })
    }

    fn push(&mut self, event: &NewEvent) -> u64 {
        let sequence = self.events.len() as u64 + 1;
        self.events.push(Recorded {
            sequence,
            subject: event.subject.clone(),
            id: Some(event.id),
            stored_at: Timestamp::now(),
            payload: event.payload.clone(),
        });
        self.sequences
            .entry(event.subject.clone())
            .or_default()
            .push(sequence);
        self.ids.insert(event.id, sequence);
        sequence
    }
}
