//! One stored message by sequence or subject: read from the stream's leader, or deleted.
//!
//! Not read by direct get: a follower may answer that, and a follower may not have what was
//! acknowledged a moment ago.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::CallError;
use crate::connect::Bus;

/// There is no such message.
const NO_MESSAGE: u64 = 10037;
/// The answers to a deletion of what is not there.
const GONE: [u64; 3] = [NO_MESSAGE, 10043, 10057];

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

    /// Deletes one message of a stream that is not the truth; one that is gone already is no error.
    pub(crate) async fn delete_stored(
        &self,
        stream: &'static str,
        sequence: u64,
    ) -> Result<(), CallError> {
        let call = format!("STREAM.MSG.DELETE.{stream}");
        let body = json!({ "seq": sequence, "no_erase": true });
        let deleted: Result<serde_json::Value, CallError> =
            self.api("deleting a message", &call, &body).await;
        match deleted {
            Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => {
                tracing::debug!(%error, stream, sequence, "it was gone already");
                Ok(())
            }
            answer => answer.map(drop),
        }
    }
}

/// When the server stored a message.
pub(crate) fn stored_at(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
