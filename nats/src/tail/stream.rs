//! Following the log on a server.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Next, TailError};
use crate::call::CallError;
use crate::connect::Bus;
use crate::event_log::{Recorded, event_id, info_of};
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::stored::stored_at;
use crate::topology::EVENTS;

/// How long a leader may believe to be one: it looks every 10 s whether it has heard from the others
/// in the last 10 s.
const DEPOSED: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct StreamTail {
    bus: Bus,
    feed: Feed,
    created: Option<Timestamp>,
    /// Since when the log is said to be shorter than what was read.
    shorter: Option<Instant>,
}

impl StreamTail {
    pub(super) fn new(bus: Bus, filter: String) -> Self {
        let feed = Feed::new(bus.clone(), EVENTS, filter);
        Self {
            bus,
            feed,
            created: None,
            shorter: None,
        }
    }

    pub(super) async fn next(&mut self, position: u64) -> Result<Next, TailError> {
        loop {
            if !self.feed.is_open() {
                self.open(position).await?;
            }
            match self.feed.next().await {
                Fed::Message(message) => {
                    if let Some(next) = event(message) {
                        return Ok(next);
                    }
                }
                Fed::CaughtUp => return Ok(Next::CaughtUp),
                Fed::Closed => {}
            }
        }
    }

    /// Opens the feed, however long the server takes to come back, at the log known so far.
    async fn open(&mut self, position: u64) -> Result<(), TailError> {
        loop {
            match self.try_open(position).await? {
                Ok(()) => return Ok(()),
                Err(error) if error.is_temporary() => {
                    tracing::debug!(%error, "the log cannot be followed yet");
                    self.bus.pause_or_reconnected().await;
                }
                Err(error) => return Err(TailError::Refused(error)),
            }
        }
    }

    async fn try_open(&mut self, position: u64) -> Result<Result<(), CallError>, TailError> {
        let info = match info_of(&self.bus).await {
            Ok(info) => info,
            Err(error) => return Ok(Err(error)),
        };
        let known = *self.created.get_or_insert(info.created);
        if known != info.created {
            return Err(TailError::OtherLog {
                known,
                found: info.created,
            });
        }
        if info.last_sequence < position {
            let last = info.last_sequence;
            return self.is_shorter(position, last).map(Err);
        }
        self.shorter = None;
        Ok(self.feed.open(Start::At(position + 1)).await)
    }
}

impl StreamTail {
    /// A leader that was cut off from its cluster and does not know it yet says the same as a log
    /// that has lost events; only the first one is replaced.
    fn is_shorter(&mut self, read: u64, last: u64) -> Result<CallError, TailError> {
        let since = *self.shorter.get_or_insert_with(Instant::now);
        if !self.bus.is_clustered() || since.elapsed() > DEPOSED {
            return Err(TailError::Shorter { read, last });
        }
        Ok(CallError::Absent {
            attempt: "following the log",
            cause: format!("its leader ends at {last}, and {read} was read"),
        })
    }
}

/// `None` for what is no event, which the stream's own subjects exclude.
fn event(message: FeedMessage) -> Option<Next> {
    let recorded = Recorded {
        sequence: message.sequence,
        subject: message.subject.as_str().parse().ok()?,
        id: message.headers.as_ref().and_then(event_id),
        stored_at: stored_at(message.nanoseconds),
        payload: message.payload,
    };
    Some(Next::Event(recorded, message.pending))
}
