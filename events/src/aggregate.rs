//! The shape every aggregate has: a state folded from events, and a decider over it.
//!
//! `decide` answers every pair of state and command: an event, a reason why nothing is to be
//! done, or a rejection with a name. `evolve` never refuses: what is in the log has happened.
//! One decision is one event is one message, so a message's sequence in the stream *is* the
//! event's position and a decision is stored whole or not at all.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The kinds of aggregates, as they appear in subjects (`nexus.evt.<kind>.<id>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// See [`crate::workspace`].
    Workspace,
    /// See [`crate::user`].
    User,
    /// See [`crate::node`].
    Node,
    /// See [`crate::claim`].
    Claim,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Workspace, Self::User, Self::Node, Self::Claim];

    /// The token in subjects and the first word of event types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::User => "user",
            Self::Node => "node",
            Self::Claim => "claim",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind {
                text: text.to_owned(),
            })
    }
}

/// No aggregate is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no kind of aggregate")]
pub struct UnknownKind {
    text: String,
}

/// What a decider answers when it does not refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<E> {
    /// This happens now: append it.
    Event(E),
    /// Nothing is to be done, and this is why (the wish is already so, or came too late).
    Nothing(&'static str),
}

impl<E> Decision<E> {
    /// The event, where there is one.
    pub fn event(self) -> Option<E> {
        match self {
            Self::Event(event) => Some(event),
            Self::Nothing(_) => None,
        }
    }
}

/// An aggregate: identity, state, and the two pure functions over it.
pub trait Aggregate:
    Sized + Clone + Default + PartialEq + fmt::Debug + Serialize + DeserializeOwned
{
    /// Which kind this is.
    const KIND: Kind;
    /// What identifies one of it; its spelling is a single subject token.
    type Id: Clone + fmt::Display + FromStr + Send + Sync;
    /// Everything that can happen to it.
    type Event: EventData;
    /// Everything that can be asked of it.
    type Command;
    /// Why a command can be refused.
    type Rejection: std::error::Error + Send + Sync + 'static;

    /// Answers a command against this state.
    ///
    /// # Errors
    /// The rule that forbids it, by name.
    fn decide(&self, command: &Self::Command) -> Result<Decision<Self::Event>, Self::Rejection>;

    /// The state after `event`. Total: an event that makes no sense here changes nothing.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;
}

/// The data of an event: a typed enum, one variant per fact.
pub trait EventData: Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned {
    /// Which aggregate it belongs to.
    const KIND: Kind;

    /// The fact's name in snake case, a past participle (`machine_ready`).
    fn name(&self) -> &'static str;
}
