//! Reading events of every version ever written.
//!
//! The log is never rewritten. When the data of an event changes shape, its version in
//! [`current_version`] goes up, an upcaster from the version before joins [`step`], and the golden
//! file of the old version stays in `tests/golden/` and is read for ever.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aggregate::{EventData, Kind};
use crate::envelope::{Actor, Envelope, EventType, SpecVersion};
use crate::id::{CorrelationId, EventId};

/// The version under which an event is written today.
pub const fn current_version(_kind: Kind, _name: &str) -> u32 {
    1
}

/// One step up: the data of `name` at `version` as it would be at `version + 1`.
fn step(
    _kind: Kind,
    _name: &str,
    _version: u32,
    _data: serde_json::Value,
) -> Option<serde_json::Value> {
    None
}

/// Why a stored message is no event this program can read; such a message is parked.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON of an event.
    #[error("the message is not an event of a known shape")]
    Json(#[from] serde_json::Error),
    /// An event, whose data this program does not know: a newer program may.
    #[error("the data of `{event_type}` is of no known shape")]
    Data {
        /// The type as written.
        event_type: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Its type is not spelled as ours are.
    #[error(transparent)]
    Type(#[from] crate::envelope::UnknownType),
    /// It belongs to another aggregate than the subject says.
    #[error("an event of a {found} stands under a {expected}")]
    Kind {
        /// The kind the subject names.
        expected: Kind,
        /// The kind the type names.
        found: Kind,
    },
    /// Written by a newer program.
    #[error("`{event_type}` is newer than this program; it writes version {current}")]
    Newer {
        /// The type as written.
        event_type: String,
        /// The newest version known here.
        current: u32,
    },
}

impl DecodeError {
    /// Whether no program will ever read it. What a newer program wrote is read by that one, so
    /// nobody may decide as if it had not happened; what is no event at all happened to nobody.
    pub const fn is_noise(&self) -> bool {
        match self {
            Self::Json(_) | Self::Type(_) | Self::Kind { .. } => true,
            Self::Data { .. } | Self::Newer { .. } => false,
        }
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    specversion: SpecVersion,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: String,
    time: jiff::Timestamp,
    actor: Actor,
    correlationid: CorrelationId,
    causationid: Option<String>,
    traceparent: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Reads a stored event of any version.
///
/// # Errors
/// See [`DecodeError`]; nothing is guessed.
pub fn decode<D: EventData>(bytes: &[u8]) -> Result<Envelope<D>, DecodeError> {
    let raw: Raw<'_> = serde_json::from_slice(bytes)?;
    let written: EventType = raw.event_type.parse()?;
    if written.kind != D::KIND {
        return Err(DecodeError::Kind {
            expected: D::KIND,
            found: written.kind,
        });
    }
    let current = current_version(written.kind, &written.name);
    let unknown = |source| DecodeError::Data {
        event_type: raw.event_type.clone(),
        source,
    };
    let data = match written.version {
        version if version == current => serde_json::from_str(raw.data.get()).map_err(unknown)?,
        version if version > current => {
            return Err(DecodeError::Newer {
                event_type: raw.event_type,
                current,
            });
        }
        _ => serde_json::from_value(upcast(&written, current, raw.data)?).map_err(unknown)?,
    };
    Ok(Envelope {
        specversion: raw.specversion,
        id: raw.id,
        source: raw.source,
        event_type: raw.event_type,
        subject: raw.subject,
        time: raw.time,
        actor: raw.actor,
        correlationid: raw.correlationid,
        causationid: raw.causationid,
        traceparent: raw.traceparent,
        data,
    })
}

fn upcast(
    written: &EventType,
    current: u32,
    data: &RawValue,
) -> Result<serde_json::Value, DecodeError> {
    let mut value: serde_json::Value = serde_json::from_str(data.get())?;
    for version in written.version..current {
        value = step(written.kind, &written.name, version, value).ok_or_else(|| {
            DecodeError::Newer {
                event_type: written.to_string(),
                current: version,
            }
        })?;
    }
    Ok(value)
}

/// Writes an event as it is stored.
///
/// # Panics
/// Never: every event type serializes, which the golden tests show.
pub fn encode<D: EventData>(envelope: &Envelope<D>) -> Vec<u8> {
    serde_json::to_vec(envelope).expect("every event type has string keys and serializes")
}

/// An event of whichever aggregate, for readers of the whole log.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per aggregate")]
pub enum AnyEvent {
    Workspace(Box<Envelope<crate::workspace::WorkspaceEvent>>),
    User(Box<Envelope<crate::user::UserEvent>>),
    Node(Box<Envelope<crate::node::NodeEvent>>),
    Claim(Box<Envelope<crate::claim::ClaimEvent>>),
}

/// Reads a stored event of the aggregate its subject names.
///
/// # Errors
/// As [`decode`].
pub fn decode_any(kind: Kind, bytes: &[u8]) -> Result<AnyEvent, DecodeError> {
    Ok(match kind {
        Kind::Workspace => AnyEvent::Workspace(Box::new(decode(bytes)?)),
        Kind::User => AnyEvent::User(Box::new(decode(bytes)?)),
        Kind::Node => AnyEvent::Node(Box::new(decode(bytes)?)),
        Kind::Claim => AnyEvent::Claim(Box::new(decode(bytes)?)),
    })
}
