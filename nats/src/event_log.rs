//! The log: events appended per aggregate, each append checked against the last one known.
//!
//! ```text
//!  append(expected 7, evt-a) ──► ack                 Stored
//!                            ──► 10071 ─► first event after 7 is …  evt-a ► Repeated
//!                            │                                      other ► Conflict
//!                            ──► 10158, 10164        a write is in flight: the same again
//!                            ──► nothing             ambiguous: the same again, told by evt-a
//! ```
//!
//! The position of an event is its sequence in the stream, which is also the aggregate's version:
//! the acknowledgement carries the next expectation, so nothing is read between two appends.
//! Publishing the same append twice is safe, because the first one moves the sequence the second
//! one expects. One thing cannot be excluded: an append reported [`AppendError::Ambiguous`] may
//! still be stored later; the caller's retry with the same event id finds it.

mod append;
mod read;
mod serial;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use nexus_events::aggregate::EventData;
use nexus_events::envelope::Envelope;
use nexus_events::id::EventId;

use crate::call::CallError;
use crate::connect::Bus;
use crate::memory::{Call, Line, MemoryBus, MemoryLog};
use crate::subject::{EventSubject, SubjectError};
use crate::tail::{Filter, From, Tail};

pub(crate) use append::WRONG_LAST_SEQUENCE;
pub(crate) use read::event_id;
pub use serial::Turn;
pub(crate) use stream::{StreamLog, info_of};

/// What an append expects of its aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// There are no events yet.
    Empty,
    /// Its last event has this sequence.
    At(u64),
}

impl Expected {
    /// The sequence a snapshot was taken at; 0 is the empty aggregate.
    pub const fn of(sequence: u64) -> Self {
        if sequence == 0 {
            Self::Empty
        } else {
            Self::At(sequence)
        }
    }

    /// As the server wants it: 0 for the empty aggregate.
    pub const fn sequence(self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::At(sequence) => sequence,
        }
    }
}

/// An event about to be appended, in its wire form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Where it goes.
    pub subject: EventSubject,
    /// Its id: tells a retry from a conflict.
    pub id: EventId,
    /// `nexus.<kind>.<name>.v<version>`, for readers who filter without decoding.
    pub event_type: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The envelope as JSON.
    pub payload: Bytes,
}

/// Why an envelope cannot be appended.
#[derive(Debug, thiserror::Error)]
pub enum NewEventError {
    /// The aggregate's id cannot stand in a subject.
    #[error("naming the event's subject")]
    Subject(#[from] SubjectError),
    /// It cannot be written as JSON.
    #[error("writing the event as JSON")]
    Encode(#[from] serde_json::Error),
}

impl NewEvent {
    /// The wire form of `envelope`.
    ///
    /// # Errors
    /// See [`NewEventError`].
    pub fn of<D: EventData>(envelope: &Envelope<D>) -> Result<Self, NewEventError> {
        Ok(Self {
            subject: EventSubject::new(D::KIND, &envelope.subject)?,
            id: envelope.id,
            event_type: envelope.event_type.clone(),
            traceparent: envelope.traceparent.clone(),
            payload: serde_json::to_vec(envelope)?.into(),
        })
    }
}

/// How an append ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is on disk.
    Stored {
        /// Where: the aggregate's version now.
        sequence: u64,
    },
    /// An event with this id was stored before, by an earlier attempt of this call or another:
    /// this append is done. Its data may differ in what the earlier caller read from its clock.
    Repeated {
        /// Where.
        sequence: u64,
    },
    /// The aggregate has moved on: read its newer events and decide again.
    Conflict {
        /// The sequence of its last event; 0 when it has none.
        actual: u64,
    },
}

impl Append {
    /// Where the event is, unless there was a conflict.
    pub const fn sequence(self) -> Option<u64> {
        match self {
            Self::Stored { sequence } | Self::Repeated { sequence } => Some(sequence),
            Self::Conflict { .. } => None,
        }
    }
}

/// Why nobody can say that an append is stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Certainly not stored: the log could not be reached in 15 s.
    #[error("appending to {subject}: the log cannot be reached")]
    Unavailable {
        /// Where it would have gone.
        subject: String,
        /// The last attempt.
        #[source]
        source: CallError,
    },
    /// Perhaps stored: no answer came in 15 s. Append again with the same event id.
    #[error("appending to {subject}: nobody knows whether it is stored")]
    Ambiguous {
        /// Where it would have gone.
        subject: String,
        /// The last attempt.
        #[source]
        source: CallError,
    },
    /// Not stored, and the same append never will be: too large, no space, no rights.
    #[error("appending to {subject}")]
    Refused {
        /// Where it would have gone.
        subject: String,
        /// What the server said.
        #[source]
        source: CallError,
    },
    /// The event's id is taken by an event of another aggregate.
    #[error("appending to {subject}: {id} is the id of event {sequence}, of another aggregate")]
    IdTaken {
        /// Where it would have gone.
        subject: String,
        /// The id.
        id: EventId,
        /// Whose it is.
        sequence: u64,
    },
}

/// Why events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log did not answer.
    #[error("reading {subject}")]
    Unavailable {
        /// What was read.
        subject: String,
        /// What went wrong.
        #[source]
        source: CallError,
    },
    /// What is stored is not an event: neither written nor understood by us.
    #[error("message {sequence} of the log is no event")]
    NoEvent {
        /// Which.
        sequence: u64,
    },
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its position in the log, and its aggregate's version.
    pub sequence: u64,
    /// Its aggregate.
    pub subject: EventSubject,
    /// Its id; `None` for a message that was not written by [`Log::append`].
    pub id: Option<EventId>,
    /// When the server stored it (its time is the decision's, in the payload).
    pub stored_at: Timestamp,
    /// The envelope as JSON; decode it with `nexus_events::upcast`.
    pub payload: Bytes,
}

/// Which log this is, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogInfo {
    /// When the stream was made: another time is another log.
    pub created: Timestamp,
    /// The first sequence kept; 1, as nothing is ever removed.
    pub first_sequence: u64,
    /// The last sequence given; 0 when there are no events.
    pub last_sequence: u64,
    /// How many sequences in between hold no event. More than 0 means loss.
    pub missing: u64,
    /// How many bytes it takes up.
    pub bytes: u64,
}

/// The log. Clones share it.
#[derive(Debug, Clone)]
pub struct Log {
    kind: LogKind,
    turns: Arc<serial::Turns>,
}

#[derive(Debug, Clone)]
enum LogKind {
    Stream(StreamLog),
    Memory(MemoryLog, Line),
}

impl Log {
    /// The log on this bus. `topology::ensure` has made its stream.
    pub fn on(bus: &Bus) -> Self {
        Self::new(LogKind::Stream(StreamLog::new(bus.clone())))
    }

    /// A log in memory, for tests: the same answers, no server.
    pub fn memory() -> Self {
        MemoryBus::default().log()
    }

    pub(crate) fn of_memory(log: MemoryLog, line: Line) -> Self {
        Self::new(LogKind::Memory(log, line))
    }

    fn new(kind: LogKind) -> Self {
        Self {
            kind,
            turns: Arc::default(),
        }
    }

    /// Appends `event` if its aggregate is where `expected` says, and waits until it is on disk.
    ///
    /// Takes at most 15 s. Dropping the future does not undo what was sent.
    ///
    /// # Errors
    /// See [`AppendError`]; a conflict is an answer, not an error.
    pub async fn append(
        &self,
        expected: Expected,
        event: &NewEvent,
    ) -> Result<Append, AppendError> {
        match &self.kind {
            LogKind::Stream(log) => log.append(expected, event).await,
            LogKind::Memory(log, line) => {
                let (log, new) = (log.clone(), event.clone());
                let append = move || log.append(expected, &new);
                let answer = line.call(|| Call::append(event), append).await;
                answer.map_err(|lost| lost.of_append(event))?
            }
        }
    }

    /// The aggregate's events after `sequence`, in order, as the stream's leader has them.
    ///
    /// One request an event: for catching up and for audit. Replays of everything use a tail.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read_after(
        &self,
        subject: &EventSubject,
        sequence: u64,
    ) -> Result<Vec<Recorded>, ReadError> {
        match &self.kind {
            LogKind::Stream(log) => log.read_after(subject, sequence).await,
            LogKind::Memory(log, line) => {
                let (log, of) = (log.clone(), subject.clone());
                let read = move || log.read_after(&of, sequence);
                let answer = line.call(|| Call::Read, read).await;
                answer.map_err(|lost| lost.of_read(subject.to_string()))
            }
        }
    }

    /// The aggregate's last event.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn last(&self, subject: &EventSubject) -> Result<Option<Recorded>, ReadError> {
        match &self.kind {
            LogKind::Stream(log) => log.last(subject).await,
            LogKind::Memory(log, line) => {
                let (log, of) = (log.clone(), subject.clone());
                let answer = line.call(|| Call::Read, move || log.last(&of)).await;
                answer.map_err(|lost| lost.of_read(subject.to_string()))
            }
        }
    }

    /// The event at `sequence`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn get(&self, sequence: u64) -> Result<Option<Recorded>, ReadError> {
        match &self.kind {
            LogKind::Stream(log) => log.get(sequence).await,
            LogKind::Memory(log, line) => {
                let log = log.clone();
                let answer = line.call(|| Call::Read, move || log.get(sequence)).await;
                answer.map_err(|lost| lost.of_read(format!("event {sequence}")))
            }
        }
    }

    /// Which log this is, and how long.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn info(&self) -> Result<LogInfo, ReadError> {
        match &self.kind {
            LogKind::Stream(log) => log.info().await,
            LogKind::Memory(log, line) => {
                let log = log.clone();
                let answer = line.call(|| Call::Read, move || log.info()).await;
                answer.map_err(|lost| lost.of_read("the log".into()))
            }
        }
    }

    /// Follows the log from `from` on, for ever. Reading begins with the first call on the tail.
    pub fn tail(&self, from: From, filter: Filter) -> Tail {
        match &self.kind {
            LogKind::Stream(log) => Tail::of_stream(log.bus().clone(), from, filter),
            LogKind::Memory(log, line) => Tail::of_memory(log.clone(), line.clone(), from, filter),
        }
    }

    /// Waits for this process's turn on an aggregate. While it is held no other caller of `turn`
    /// decides about the same aggregate here; other processes are held off by the expectation.
    pub async fn turn(&self, subject: &EventSubject) -> Turn {
        self.turns.wait_for(subject).await
    }
}
