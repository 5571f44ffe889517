//! Reading one stored message by sequence or subject, from the stream's leader.
//!
//! Not by direct get: a follower may answer that, and a follower may not have what was
//! acknowledged a moment ago.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::CallError;
use crate::connect::Bus;

/// There is no such message.
const NO_MESSAGE: u64 = 10037;

/// Which message.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Which {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_by_subj: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<String>,
}

impl Which {
    /// The one with this sequence.
    pub(crate) fn at(sequence: u64) -> Self {
        Self {
            seq: Some(sequence),
            ..Self::default()
        }
    }

    /// The first one on the subject (or filter) after this sequence.
    pub(crate) fn next(subject: &str, after: u64) -> Self {
        Self {
            seq: Some(after.saturating_add(1)),
            next_by_subj: Some(subject.to_owned()),
            ..Self::default()
        }
    }

    /// The last one on the subject.
    pub(crate) fn last(subject: &str) -> Self {
        Self {
            last_by_subj: Some(subject.to_owned()),
            ..Self::default()
        }
    }
}

#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl Bus {
    /// Reads one message of `stream`; `None` when there is no such message.
    pub(crate) async fn stored(
        &self,
        attempt: &'static str,
        stream: &str,
        which: &Which,
    ) -> Result<Option<StreamMessage>, CallError> {
        let found = self
            .api(attempt, &format!("STREAM.MSG.GET.{stream}"), which)
            .await;
        let Found { message } = match found {
            Ok(found) => found,
            Err(error) if error.code() == Some(NO_MESSAGE) => return Ok(None),
            Err(error) => return Err(error),
        };
        let sequence = message.sequence;
        StreamMessage::try_from(message)
            .map(Some)
            .map_err(|error| CallError::Absent {
                attempt,
                cause: format!("message {sequence} of {stream} cannot be read: {error}"),
            })
    }
}

/// When the server stored a message.
pub(crate) fn stored_at(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
