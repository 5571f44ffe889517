//! Following the log: every event once, in order, across restarts of the server.
//!
//! The library's ordered consumer takes 15 s to notice a restarted server. This one is told by
//! the connection, is made anew at the last sequence + 1, and goes on within 0.1 s. Unfiltered, it
//! checks that sequences are contiguous: nothing is ever removed from the log, so a gap is loss
//! and an alarm, never skipped. It also remembers which log it reads: another one under the same
//! name, or a shorter one, is an error.
//!
//! Nothing runs in the background. Messages are asked for in large batches as they are taken, so
//! a slow reader holds two batches in memory and no more.

mod memory;
mod stream;

use std::collections::VecDeque;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use nexus_events::aggregate::Kind;
use tokio::time::{Instant, timeout_at};

use crate::call::CallError;
use crate::connect::Bus;
use crate::event_log::Recorded;
use crate::memory::{Line, MemoryLog};
use crate::subject::EventSubject;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct From {
    after: u64,
}

impl From {
    /// With the first event.
    pub const fn start() -> Self {
        Self { after: 0 }
    }

    /// With the first event after this sequence.
    pub const fn after(sequence: u64) -> Self {
        Self { after: sequence }
    }
}

/// Which events are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    All,
    /// Those of one kind of aggregate.
    Kind(Kind),
    /// Those of one aggregate.
    Aggregate(EventSubject),
}

impl Filter {
    fn subject(&self) -> String {
        match self {
            Self::All => EventSubject::ALL.to_owned(),
            Self::Kind(kind) => EventSubject::all_of(*kind),
            Self::Aggregate(subject) => subject.to_string(),
        }
    }

    fn wants(&self, subject: &EventSubject) -> bool {
        match self {
            Self::All => true,
            Self::Kind(kind) => subject.kind() == *kind,
            Self::Aggregate(wanted) => subject == wanted,
        }
    }
}

/// Why following must stop. None of these goes away by trying again.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Events are missing: the log has lost something.
    #[error("the log has a gap: event {expected} should follow, event {found} came")]
    Gap {
        /// The next sequence there must be.
        expected: u64,
        /// The next one there is.
        found: u64,
    },
    /// The stream was made at another time than the one read so far.
    #[error("the log was replaced: it was made at {found}, the one read so far at {known}")]
    OtherLog {
        /// When the log read so far was made.
        known: Timestamp,
        /// When this one was made.
        found: Timestamp,
    },
    /// The log ends before what was read.
    #[error("the log is shorter than what was read: it ends at {last}, {read} was read")]
    Shorter {
        /// The last event read.
        read: u64,
        /// The last event there is.
        last: u64,
    },
    /// The server refuses to let this be read.
    #[error("following the log")]
    Refused(#[source] CallError),
}

/// Some events in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events; empty only to say that the reader has caught up.
    pub events: Vec<Recorded>,
    /// Whether nothing more was stored when the last of them was sent.
    pub caught_up: bool,
}

/// What a source gives next.
enum Next {
    /// An event, and how many are known to come after it.
    Event(Recorded, u64),
    /// There is nothing (more) to read at the moment.
    CaughtUp,
}

/// A reader of the log that never ends.
#[derive(Debug)]
pub struct Tail {
    source: Source,
    filter: Filter,
    /// The last event taken from the source.
    position: u64,
    /// Taken, not given yet: a batch whose future was dropped.
    held: VecDeque<Recorded>,
    /// Whether nothing was stored after the last one taken.
    drained: bool,
    caught_up: bool,
    /// The sequence found where another was expected; no step is taken beyond it.
    gap: Option<u64>,
}

#[derive(Debug)]
enum Source {
    Stream(Box<stream::StreamTail>),
    Memory(memory::MemoryTail),
}

impl Tail {
    pub(crate) fn of_stream(bus: Bus, from: From, filter: Filter) -> Self {
        let tail = stream::StreamTail::new(bus, filter.subject());
        Self::new(Source::Stream(Box::new(tail)), from, filter)
    }

    pub(crate) fn of_memory(log: MemoryLog, line: Line, from: From, filter: Filter) -> Self {
        let tail = memory::MemoryTail::new(log, line);
        Self::new(Source::Memory(tail), from, filter)
    }

    const fn new(source: Source, from: From, filter: Filter) -> Self {
        let held = VecDeque::new();
        Self {
            source,
            filter,
            position: from.after,
            held,
            drained: false,
            caught_up: false,
            gap: None,
        }
    }

    /// The sequence of the last event given (or skipped by the filter's start).
    pub fn position(&self) -> u64 {
        self.held
            .front()
            .map_or(self.position, |event| event.sequence - 1)
    }

    /// Whether everything stored was given, at some moment since the tail was made.
    pub const fn has_caught_up(&self) -> bool {
        self.caught_up
    }

    /// The next event. Waits for ever; dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`TailError`].
    pub async fn next(&mut self) -> Result<Recorded, TailError> {
        if let Some(event) = self.held.pop_front() {
            return Ok(event);
        }
        loop {
            if let Next::Event(event, _) = self.step().await? {
                return Ok(event);
            }
        }
    }

    /// The next events: as soon as `limit` are there, or all there are, or `wait` after the first
    /// came. Waits for the first one for ever, but says once, by an empty batch, that it has
    /// caught up. Dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`TailError`]. Events taken before the error are given first.
    pub async fn batch(&mut self, limit: usize, wait: Duration) -> Result<Batch, TailError> {
        let limit = limit.max(1);
        if self.held.is_empty() && !self.first_of_batch().await? {
            return Ok(Batch {
                events: Vec::new(),
                caught_up: true,
            });
        }
        let deadline = Instant::now() + wait;
        while self.held.len() < limit && !self.drained {
            // Most events of a replay are here already, and then a timer costs more than they do.
            let ready = self.step().now_or_never();
            let step = match ready {
                Some(step) => step,
                None => match timeout_at(deadline, self.step()).await {
                    Ok(step) => step,
                    Err(_) => break,
                },
            };
            match step {
                Ok(Next::Event(event, _)) => self.held.push_back(event),
                // The error comes again on the next call: it does not go away.
                Ok(Next::CaughtUp) | Err(_) => break,
            }
        }
        let events: Vec<_> = self.held.drain(..limit.min(self.held.len())).collect();
        Ok(Batch {
            events,
            caught_up: self.drained && self.held.is_empty(),
        })
    }

    /// Waits for an event; `false` when it has caught up, for the first time, instead.
    async fn first_of_batch(&mut self) -> Result<bool, TailError> {
        loop {
            let had = self.caught_up;
            match self.step().await? {
                Next::Event(event, _) => {
                    self.held.push_back(event);
                    return Ok(true);
                }
                Next::CaughtUp if had => {}
                Next::CaughtUp => return Ok(false),
            }
        }
    }

    /// Takes one step, checked.
    async fn step(&mut self) -> Result<Next, TailError> {
        let expected = self.position + 1;
        if let Some(found) = self.gap {
            return Err(TailError::Gap { expected, found });
        }
        let next = match &mut self.source {
            Source::Stream(tail) => tail.next(self.position).await?,
            Source::Memory(tail) => tail.next(self.position, &self.filter).await,
        };
        match &next {
            Next::Event(event, _) if !self.follows(event.sequence) => {
                self.gap = Some(event.sequence);
                return Err(TailError::Gap {
                    expected,
                    found: event.sequence,
                });
            }
            Next::Event(event, pending) => {
                self.position = event.sequence;
                self.drained = *pending == 0;
                self.caught_up |= self.drained;
            }
            Next::CaughtUp => {
                self.drained = true;
                self.caught_up = true;
            }
        }
        Ok(next)
    }

    /// Whether an event may come next: only a filter skips others.
    fn follows(&self, found: u64) -> bool {
        let expected = self.position + 1;
        match self.filter {
            Filter::All => found == expected,
            Filter::Kind(_) | Filter::Aggregate(_) => found >= expected,
        }
    }
}
