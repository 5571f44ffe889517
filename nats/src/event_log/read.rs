//! Reading one aggregate back, from the stream's leader: what was acknowledged is there.

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::StreamMessage;
use nexus_events::id::EventId;

use super::{ReadError, Recorded, StreamLog};
use crate::call::CallError;
use crate::stored::{Which, stored_at};
use crate::subject::EventSubject;
use crate::topology::EVENTS;

impl StreamLog {
    pub(super) async fn read_after(
        &self,
        subject: &EventSubject,
        sequence: u64,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut events = Vec::new();
        let mut position = sequence;
        while let Some(event) = self
            .next_of(subject, position)
            .await
            .map_err(|e| unavailable(subject, e))?
        {
            position = event.sequence;
            events.push(event);
        }
        Ok(events)
    }

    pub(super) async fn last(&self, subject: &EventSubject) -> Result<Option<Recorded>, ReadError> {
        self.last_of(subject)
            .await
            .map_err(|error| unavailable(subject, error))
    }

    pub(super) async fn get(&self, sequence: u64) -> Result<Option<Recorded>, ReadError> {
        let message =
            self.message(Which::at(sequence))
                .await
                .map_err(|source| ReadError::Unavailable {
                    subject: format!("event {sequence}"),
                    source,
                })?;
        message
            .map(|message| recorded(message).ok_or(ReadError::NoEvent { sequence }))
            .transpose()
    }

    /// The aggregate's first event after `sequence`.
    pub(super) async fn next_of(
        &self,
        subject: &EventSubject,
        sequence: u64,
    ) -> Result<Option<Recorded>, CallError> {
        let message = self
            .message(Which::next(subject.as_str(), sequence))
            .await?;
        Ok(message.and_then(recorded))
    }

    pub(super) async fn last_of(
        &self,
        subject: &EventSubject,
    ) -> Result<Option<Recorded>, CallError> {
        Ok(self
            .message(Which::last(subject.as_str()))
            .await?
            .and_then(recorded))
    }

    pub(super) async fn message_at(&self, sequence: u64) -> Result<Option<Recorded>, CallError> {
        Ok(self.message(Which::at(sequence)).await?.and_then(recorded))
    }

    async fn message(&self, which: Which) -> Result<Option<StreamMessage>, CallError> {
        self.bus().stored("reading the log", EVENTS, &which).await
    }
}

/// `None` when the subject is no event's, which the stream's own subjects exclude.
fn recorded(message: StreamMessage) -> Option<Recorded> {
    Some(Recorded {
        sequence: message.sequence,
        subject: message.subject.as_str().parse().ok()?,
        id: event_id(&message.headers),
        stored_at: stored_at(message.time.unix_timestamp_nanos()),
        payload: message.payload,
    })
}

/// The event's id, from the header that also tells the server of duplicates.
pub(crate) fn event_id(headers: &HeaderMap) -> Option<EventId> {
    headers.get(NATS_MESSAGE_ID)?.as_str().parse().ok()
}

fn unavailable(subject: &EventSubject, source: CallError) -> ReadError {
    ReadError::Unavailable {
        subject: subject.to_string(),
        source,
    }
}
