//! What every event carries besides its data: CloudEvents 1.0 attributes and our extensions.
//!
//! The wire form is structured JSON (`application/cloudevents+json`). `data` is the event enum in
//! serde's external form, `{"<name>": {…}}`, so a projection decodes it in one pass; `type` is
//! `nexus.<kind>.<name>.v<version>` and repeats the name for readers who filter without decoding.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::aggregate::{EventData, Kind};
use crate::id::{CorrelationId, EventId, NodeId, UserId};

/// The content type of a stored event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Who made an event happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, or a token of theirs.
    User(UserId),
    /// A worker on its node.
    Node(NodeId),
    /// A policy or reconciler of the control plane, by name.
    System(String),
    /// Whoever operates the control plane, through its local socket.
    Operator,
}

impl Actor {
    /// The part of the control plane called `name`.
    pub fn system(name: &str) -> Self {
        Self::System(name.to_owned())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Node(id) => id.fmt(f),
            Self::System(name) => write!(f, "system:{name}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownActor {
            text: text.to_owned(),
        };
        if text == "operator" {
            Ok(Self::Operator)
        } else if let Some(name) = text.strip_prefix("system:") {
            Ok(Self::System(name.to_owned()))
        } else if text.starts_with("user-") {
            text.parse().map(Self::User).map_err(|_| unknown())
        } else {
            text.parse().map(Self::Node).map_err(|_| unknown())
        }
    }
}

/// Nobody acts under that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no actor: expected a user id, a node id, `system:<name>` or `operator`")]
pub struct UnknownActor {
    text: String,
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What led to an event: everything the envelope needs that the decision does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The id the event will have; a retried append uses the same one.
    pub id: EventId,
    /// When the decision was made.
    pub at: Timestamp,
    /// Who made it.
    pub actor: Actor,
    /// The request all of this follows from.
    pub correlation: CorrelationId,
    /// The event or command that came right before, where there was one.
    pub causation: Option<String>,
    /// W3C trace context (<https://www.w3.org/TR/trace-context/>), where the request had one.
    pub traceparent: Option<String>,
}

/// An event with its envelope, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<D> {
    /// Always `1.0` (CloudEvents).
    pub specversion: SpecVersion,
    /// Unique, and the deduplication id of the append.
    pub id: EventId,
    /// The part of Nexus that appended it.
    pub source: String,
    /// `nexus.<kind>.<name>.v<version>`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The aggregate's id.
    pub subject: String,
    /// When the decision was made.
    pub time: Timestamp,
    /// Who made it happen.
    pub actor: Actor,
    /// The request all of this follows from.
    pub correlationid: CorrelationId,
    /// The event or command right before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened.
    pub data: D,
}

/// The one version of CloudEvents spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SpecVersion {
    /// CloudEvents 1.0.
    #[default]
    #[serde(rename = "1.0")]
    V1,
}

impl<D: EventData> Envelope<D> {
    /// Wraps `data` about the aggregate `subject`.
    pub fn new(context: Context, subject: &impl fmt::Display, data: D) -> Self {
        let source = match &context.actor {
            Actor::Node(node) => format!("/nexus/worker/{node}"),
            Actor::User(_) | Actor::System(_) | Actor::Operator => "/nexus/control-plane".into(),
        };
        Self {
            specversion: SpecVersion::V1,
            id: context.id,
            source,
            event_type: EventType::current(D::KIND, data.name()).to_string(),
            subject: subject.to_string(),
            time: context.at,
            actor: context.actor,
            correlationid: context.correlation,
            causationid: context.causation,
            traceparent: context.traceparent,
            data,
        }
    }
}

/// `nexus.<kind>.<name>.v<version>`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// The aggregate.
    pub kind: Kind,
    /// The event's name in snake case.
    pub name: String,
    /// The version of its data.
    pub version: u32,
}

impl EventType {
    /// The type under which `name` is written today.
    pub fn current(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            version: crate::upcast::current_version(kind, name),
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nexus.{}.{}.v{}", self.kind, self.name, self.version)
    }
}

impl FromStr for EventType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownType {
            text: text.chars().take(120).collect(),
        };
        let mut words = text.split('.');
        let (Some("nexus"), Some(kind), Some(name), Some(version), None) = (
            words.next(),
            words.next(),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return Err(unknown());
        };
        Ok(Self {
            kind: kind.parse().map_err(|_| unknown())?,
            name: name.to_owned(),
            version: version
                .strip_prefix('v')
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(unknown)?,
        })
    }
}

/// Not the spelling of an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no event type: expected `nexus.<kind>.<name>.v<version>`")]
pub struct UnknownType {
    text: String,
}
