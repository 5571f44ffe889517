//! Messages nobody could work on: kept with the reason, for a person to read, retry or discard.
//!
//! Three ways lead here: a worker gives a command up, a message cannot be read, or the server has
//! delivered a command five times in vain. The last is told by an advisory, which the stream
//! itself captures; [`Parked::collect`] then moves the command out of the queue.

mod collect;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{CallError, PATIENCE};
use crate::command_queue::{Published, QueueError, Received, headers, put};
use crate::connect::Bus;
use crate::event_log::Recorded;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::stored::{Which, stored_at};
use crate::subject::ParkedSubject;
use crate::topology::PARKED;

/// How many messages a list holds at most.
const LIST: usize = 1_000;
/// The longest reason kept, in characters.
const REASON: usize = 1_000;

const REASON_HEADER: &str = "Nexus-Reason";
const SUBJECT_HEADER: &str = "Nexus-Subject";
const ATTEMPTS_HEADER: &str = "Nexus-Attempts";

/// A parked message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// Its id among the parked ones.
    pub id: u64,
    /// Which message it was.
    pub origin: ParkedSubject,
    /// The subject it stood on.
    pub subject: String,
    /// Why it was parked.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was parked.
    pub at: Timestamp,
    /// What it carried.
    pub payload: Bytes,
}

/// Why a parked message could not be tried again or discarded.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// There is no such message (any more).
    #[error("no message is parked under {id}")]
    NotFound {
        /// The id asked for.
        id: u64,
    },
    /// Only commands can be tried again; events are read again by rebuilding a projection.
    #[error("the parked message {id} is an event: it is read again when projections are rebuilt")]
    NotACommand {
        /// The id asked for.
        id: u64,
    },
    /// Another command for the workspace is open: wait until it is done.
    #[error("another command is open on {subject}")]
    Busy {
        /// Where.
        subject: String,
    },
    /// The server did not answer, or refused.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl From<CallError> for ParkedError {
    fn from(error: CallError) -> Self {
        Self::Queue(error.into())
    }
}

/// The parked messages. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Parked {
    bus: Bus,
}

impl Parked {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// The first 1,000, oldest first.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn list(&self) -> Result<Vec<ParkedMessage>, ParkedError> {
        let mut feed = Feed::new(self.bus.clone(), PARKED, ParkedSubject::ALL.to_owned());
        feed.open(Start::At(1)).await?;
        let mut list = Vec::new();
        while list.len() < LIST {
            let message = match feed.next().await {
                Fed::Message(message) => message,
                Fed::CaughtUp => break,
                Fed::Closed => return Err(away("listing what is parked").into()),
            };
            let last = message.pending == 0;
            list.extend(from_feed(message));
            if last {
                break;
            }
        }
        Ok(list)
    }

    /// One of them.
    ///
    /// # Errors
    /// When it is not there, or the server does not answer.
    pub async fn read(&self, id: u64) -> Result<ParkedMessage, ParkedError> {
        let found = self
            .bus
            .stored("reading what is parked", PARKED, &Which::at(id))
            .await?;
        found
            .and_then(from_stream)
            .ok_or(ParkedError::NotFound { id })
    }

    /// Puts a command back into the queue, as it was.
    ///
    /// # Errors
    /// See [`ParkedError`].
    pub async fn retry(&self, id: u64) -> Result<(), ParkedError> {
        let message = self.read(id).await?;
        let ParkedSubject::Command(_) = message.origin else {
            return Err(ParkedError::NotACommand { id });
        };
        let put = put(
            &self.bus,
            &message.subject,
            headers(None, None),
            message.payload,
        );
        match put.await? {
            Published::Queued | Published::Repeated => self.remove(id).await.map_err(Into::into),
            Published::Busy => Err(ParkedError::Busy {
                subject: message.subject,
            }),
        }
    }

    /// Forgets one of them for good.
    ///
    /// # Errors
    /// When it is not there, or the server does not answer.
    pub async fn discard(&self, id: u64) -> Result<(), ParkedError> {
        self.read(id).await?;
        Ok(self.remove(id).await?)
    }

    /// Parks an event that a reader of the log cannot decode; once, however often it is read.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn park_event(&self, event: &Recorded, reason: &str) -> Result<(), QueueError> {
        let origin = ParkedSubject::Event(event.sequence);
        let subject = event.subject.to_string();
        self.park(origin, &subject, reason, 1, event.payload.clone())
            .await
    }

    pub(crate) async fn park_command(
        &self,
        received: &Received,
        reason: &str,
    ) -> Result<(), QueueError> {
        let origin = ParkedSubject::Command(received.sequence);
        let payload = received.payload.clone();
        self.park(
            origin,
            &received.subject,
            reason,
            received.attempts,
            payload,
        )
        .await
    }

    async fn park(
        &self,
        origin: ParkedSubject,
        subject: &str,
        reason: &str,
        attempts: u64,
        payload: Bytes,
    ) -> Result<(), QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, PARKED);
        headers.insert(NATS_MESSAGE_ID, origin.to_string());
        headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
        headers.insert(REASON_HEADER, one_line(reason));
        headers.insert(SUBJECT_HEADER, one_line(subject));
        headers.insert(ATTEMPTS_HEADER, attempts.to_string());
        let attempt = "parking a message";
        let stored: Result<serde_json::Value, CallError> = self
            .bus
            .call(
                attempt,
                origin.to_string(),
                Some(headers),
                payload,
                PATIENCE,
            )
            .await;
        match stored {
            Err(error) if error.code() == Some(crate::event_log::WRONG_LAST_SEQUENCE) => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }

    async fn remove(&self, id: u64) -> Result<(), CallError> {
        self.bus.delete_stored(PARKED, id).await
    }
}

fn from_feed(message: FeedMessage) -> Option<ParkedMessage> {
    parked(
        message.sequence,
        &message.subject,
        &message.headers.unwrap_or_default(),
        stored_at(message.nanoseconds),
        message.payload,
    )
}

fn from_stream(message: StreamMessage) -> Option<ParkedMessage> {
    let at = stored_at(message.time.unix_timestamp_nanos());
    parked(
        message.sequence,
        &message.subject,
        &message.headers,
        at,
        message.payload,
    )
}

fn parked(
    id: u64,
    origin: &str,
    headers: &HeaderMap,
    at: Timestamp,
    payload: Bytes,
) -> Option<ParkedMessage> {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |value| value.as_str())
            .to_owned()
    };
    Some(ParkedMessage {
        id,
        origin: origin.parse().ok()?,
        subject: text(SUBJECT_HEADER),
        reason: text(REASON_HEADER),
        attempts: text(ATTEMPTS_HEADER).parse().unwrap_or(0),
        at,
        payload,
    })
}

/// A header is one line.
fn one_line(text: &str) -> String {
    text.chars()
        .take(REASON)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn away(attempt: &'static str) -> CallError {
    CallError::NoAnswer {
        attempt,
        cause: "the connection was lost",
    }
}
