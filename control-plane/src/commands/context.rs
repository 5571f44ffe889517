//! What a request brings besides its body, and the ids that follow from it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId};
use nexus_events::workspace::NewOperation;
use uuid::Uuid;

use crate::identity::Identity;

/// What a request brings besides its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// All that follows from the request carries it.
    pub correlation: CorrelationId,
    /// W3C trace context, where the request had one.
    pub traceparent: Option<String>,
    /// What makes sending the request again harmless.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When the request came.
    pub now: Timestamp,
}

impl RequestContext {
    /// A request that came at `now`, and nothing else.
    pub fn new(now: Timestamp) -> Self {
        Self {
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            traceparent: None,
            idempotency_key: None,
            now,
        }
    }

    /// The same with an idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// What ids derive from: the asker and the key, or chance.
    pub(super) fn seed(&self, identity: &Identity) -> String {
        match &self.idempotency_key {
            Some(key) => format!("{}:{key}", identity.actor()),
            None => Uuid::now_v7().simple().to_string(),
        }
    }

    /// The envelope of an event with this id.
    pub(super) fn event(&self, actor: Actor, id: EventId) -> Context {
        Context {
            id,
            at: self.now,
            actor,
            correlation: self.correlation,
            causation: None,
            traceparent: self.traceparent.clone(),
        }
    }

    /// The envelope of an event that no retry needs to find again.
    pub(super) fn new_event(&self, identity: &Identity) -> Context {
        self.event(identity.actor(), EventId::from_uuid(Uuid::now_v7()))
    }

    /// An operation that begins now.
    pub(super) fn operation(&self, seed: &str, time_allowed: jiff::SignedDuration) -> NewOperation {
        NewOperation {
            id: nexus_events::id::OperationId::derived(seed),
            at: self.now,
            deadline: self
                .now
                .saturating_add(time_allowed)
                .unwrap_or(Timestamp::MAX),
        }
    }
}

/// A client's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// Not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 200 printable ASCII characters")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        match (1..=200).contains(&text.len()) && printable {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidIdempotencyKey),
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
