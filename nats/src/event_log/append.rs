//! Appending: publish, and when the answer is missing or a conflict, find out what happened.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Append, AppendError, Expected, NewEvent, StreamLog};
use crate::call::CallError;

/// How long an append may take in all. A leader's loss takes 4 to 7 s.
const BUDGET: Duration = Duration::from_secs(15);
/// How long one publish waits for its answer. The same append again costs nothing but the asking,
/// and what was sent to a leader that is gone is never answered.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The expectation does not hold.
pub(crate) const WRONG_LAST_SEQUENCE: u64 = 10071;

#[derive(Deserialize)]
struct Acknowledgement {
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

impl StreamLog {
    pub(super) async fn append(
        &self,
        expected: Expected,
        event: &NewEvent,
    ) -> Result<Append, AppendError> {
        let deadline = Instant::now() + BUDGET;
        let mut pause = Duration::from_millis(2);
        let mut ambiguous = false;
        loop {
            let patience = ATTEMPT.min(deadline.saturating_duration_since(Instant::now()));
            let error = match self.attempt(expected, event, patience).await {
                Ok(append) => return Ok(append),
                Err(Failed::For(error)) => return Err(error),
                Err(Failed::Now(error)) => error,
            };
            ambiguous |= matches!(error, CallError::NoAnswer { .. });
            if Instant::now() + pause >= deadline {
                return Err(out_of_time(event, ambiguous, error));
            }
            tracing::debug!(%error, subject = %event.subject, "appending again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// One publish, with its answer understood.
    async fn attempt(
        &self,
        expected: Expected,
        event: &NewEvent,
        patience: Duration,
    ) -> Result<Append, Failed> {
        let answer: Result<Acknowledgement, CallError> = self
            .bus()
            .call(
                "appending an event",
                event.subject.to_string(),
                Some(headers(expected, event)),
                event.payload.clone(),
                patience,
            )
            .await;
        match answer {
            Ok(ack) if ack.duplicate => self.stored_before(expected, event, ack.seq).await,
            Ok(ack) => Ok(Append::Stored { sequence: ack.seq }),
            Err(error) => match error.code() {
                Some(WRONG_LAST_SEQUENCE) => self.retry_or_conflict(expected, event, error).await,
                Some(_) | None if error.is_temporary() => Err(Failed::Now(error)),
                Some(_) | None => Err(Failed::For(refused(event, error))),
            },
        }
    }

    /// The expectation did not hold: because of ourselves, when the first event after the
    /// expected one bears our id. Nothing else can be first, as our append was checked, too.
    ///
    /// While a leader is being replaced two servers may answer as one, and the old one refuses for
    /// appends that it took and never stored, or reads a log that is shorter. An event that is there
    /// is believed; that none is, only where it is what was expected: else nothing is said about the
    /// expectation, and the same append is made again.
    async fn retry_or_conflict(
        &self,
        expected: Expected,
        event: &NewEvent,
        refusal: CallError,
    ) -> Result<Append, Failed> {
        let wanted = expected.sequence();
        let first = self.next_of(&event.subject, wanted);
        let first = first.await.map_err(Failed::Now)?;
        if let Some(first) = &first
            && first.id == Some(event.id)
        {
            return Ok(Append::Repeated {
                sequence: first.sequence,
            });
        }
        let last = self.last_of(&event.subject).await.map_err(Failed::Now)?;
        let last = last.map_or(0, |last| last.sequence);
        match first {
            Some(first) => Ok(Append::Conflict {
                actual: first.sequence.max(last),
            }),
            None if last < wanted && !self.bus().is_clustered() => {
                Ok(Append::Conflict { actual: last })
            }
            None => Err(Failed::Now(refusal)),
        }
    }

    /// The server knows the id. Where it says is looked at: a leader that is being replaced names the
    /// sequence that an append it never stored would have had, and another event is there. The same
    /// id in another aggregate is a mistake of the caller.
    async fn stored_before(
        &self,
        expected: Expected,
        event: &NewEvent,
        sequence: u64,
    ) -> Result<Append, Failed> {
        let stored = self.message_at(sequence).await.map_err(Failed::Now)?;
        match stored.filter(|stored| stored.id == Some(event.id)) {
            Some(stored) if stored.subject == event.subject => Ok(Append::Repeated { sequence }),
            Some(_) => Err(Failed::For(AppendError::IdTaken {
                subject: event.subject.to_string(),
                id: event.id,
                sequence,
            })),
            None => {
                let doubtful = CallError::NoAnswer {
                    attempt: "appending an event",
                    cause: "it was said to be stored where it is not",
                };
                self.retry_or_conflict(expected, event, doubtful).await
            }
        }
    }
}

/// How an attempt failed.
enum Failed {
    /// For good.
    For(AppendError),
    /// This time: the same append again.
    Now(CallError),
}

fn headers(expected: Expected, event: &NewEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, event.id.to_string());
    headers.insert(
        NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
        expected.sequence().to_string(),
    );
    headers.insert("Content-Type", nexus_events::envelope::CONTENT_TYPE);
    headers.insert("Ce-Type", event.event_type.as_str());
    if let Some(traceparent) = &event.traceparent {
        headers.insert("traceparent", traceparent.as_str());
    }
    headers
}

fn refused(event: &NewEvent, source: CallError) -> AppendError {
    AppendError::Refused {
        subject: event.subject.to_string(),
        source,
    }
}

fn out_of_time(event: &NewEvent, ambiguous: bool, source: CallError) -> AppendError {
    let subject = event.subject.to_string();
    if ambiguous {
        AppendError::Ambiguous { subject, source }
    } else {
        AppendError::Unavailable { subject, source }
    }
}
