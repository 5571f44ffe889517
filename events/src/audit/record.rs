//! A message of the log, byte for byte, in a form that is a line of JSON.

use std::borrow::Cow;
use std::str::FromStr as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Entry;
use super::chain::Hashes;
use crate::aggregate::Kind;
use crate::envelope::EventType;
use crate::upcast::{DecodeError, decode_any};
use crate::work::Bytes;

/// What every subject of an event starts with.
const SUBJECT: &str = "nexus.evt.";

/// A message of the log as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the log.
    pub sequence: u64,
    /// `nexus.evt.<kind>.<id>`.
    pub subject: String,
    /// When the server stored it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<Timestamp>,
    /// What is stored, where that is JSON on one line: the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Box<RawValue>>,
    /// What is stored, where it is anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Bytes>,
    /// The chains up to it, where they were computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<Hashes>,
}

/// Why a message is no event this program can read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The subject is no event's.
    #[error("`{subject}` is no subject of an event")]
    Subject {
        /// As it is.
        subject: String,
    },
    /// What is stored is no event.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The event is about something else than the subject says.
    #[error("an event about {found} stands under {subject}")]
    OtherSubject {
        /// The subject.
        subject: String,
        /// What the event is about.
        found: String,
    },
}

impl Record {
    /// The message at `sequence`.
    pub fn new(
        sequence: u64,
        subject: impl Into<String>,
        stored_at: Option<Timestamp>,
        payload: &[u8],
    ) -> Self {
        let message = as_json(payload);
        let bytes = message.is_none().then(|| Bytes(payload.to_vec()));
        Self {
            sequence,
            subject: subject.into(),
            stored_at,
            message,
            bytes,
            hashes: None,
        }
    }

    /// An event whose payload is all that is known: kind and id stand in it.
    ///
    /// # Errors
    /// When the payload is no event.
    pub fn of_payload(sequence: u64, payload: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct About<'a> {
            #[serde(rename = "type", borrow)]
            event_type: Cow<'a, str>,
            #[serde(borrow)]
            subject: Cow<'a, str>,
        }
        let about: About<'_> = serde_json::from_slice(payload)?;
        let kind = EventType::from_str(&about.event_type)?.kind;
        let subject = format!("{SUBJECT}{kind}.{}", about.subject);
        Ok(Self::new(sequence, subject, None, payload))
    }

    /// What is stored, as it is stored.
    pub fn payload(&self) -> &[u8] {
        match (&self.message, &self.bytes) {
            (Some(message), _) => message.get().as_bytes(),
            (None, Some(bytes)) => &bytes.0,
            (None, None) => &[],
        }
    }

    /// Kind and id of the aggregate the subject names.
    pub fn aggregate(&self) -> Option<(Kind, &str)> {
        let (kind, id) = self.subject.strip_prefix(SUBJECT)?.split_once('.')?;
        Some((kind.parse().ok()?, id))
    }

    /// The event in it.
    ///
    /// # Errors
    /// See [`Unreadable`]; nothing is guessed.
    pub fn read(&self) -> Result<Entry, Unreadable> {
        let (kind, id) = self.aggregate().ok_or_else(|| Unreadable::Subject {
            subject: self.subject.clone(),
        })?;
        let event = decode_any(kind, self.payload())?;
        let entry = Entry {
            sequence: self.sequence,
            stored_at: self.stored_at,
            event,
        };
        if entry.subject() == id {
            Ok(entry)
        } else {
            Err(Unreadable::OtherSubject {
                subject: self.subject.clone(),
                found: entry.subject().to_owned(),
            })
        }
    }
}

/// The payload as JSON, if it comes out of a line of JSON as it went in.
fn as_json(payload: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(payload).ok()?;
    if text.contains(['\n', '\r']) {
        return None;
    }
    let raw: Box<RawValue> = serde_json::from_str(text).ok()?;
    (raw.get() == text).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_stored_comes_back_byte_for_byte() {
        for payload in [
            br#"{"b":1,  "a":1.0e2,"a":"\u00e4"}"#.as_slice(),
            b"{\"a\":\n1}",
            b" {}",
            b"\xff\x00 no text",
            b"",
        ] {
            let line = serde_json::to_string(&Record::new(7, "nexus.evt.node.x", None, payload));
            let line = line.unwrap();
            assert!(!line.contains('\n'), "{line}");
            let back: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(back.payload(), payload, "{line}");
        }
    }

    #[test]
    fn a_message_under_another_subject_is_not_read() {
        let record = Record::new(1, "nexus.cmd.x", None, b"{}");
        assert!(matches!(record.read(), Err(Unreadable::Subject { .. })));
        let record = Record::new(1, "nexus.evt.node.x", None, b"{}");
        assert!(matches!(record.read(), Err(Unreadable::Decode(_))));
    }
}
