//! `nexus.evt.<kind>.<id>`: one exact subject per aggregate.

use std::fmt;
use std::str::FromStr;

use nexus_events::aggregate::Kind;

use super::token::{SubjectError, is_token, token};

const PREFIX: &str = "nexus.evt.";

/// Where the events of one aggregate are kept.
///
/// The check of the expected sequence runs on exactly this subject, so the event's type is in a
/// header and never here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventSubject {
    kind: Kind,
    text: Box<str>,
}

impl EventSubject {
    /// Every event there is.
    pub const ALL: &'static str = "nexus.evt.>";

    /// The subject of the aggregate `id`.
    ///
    /// # Errors
    /// When the id's spelling cannot stand in a subject.
    pub fn new(kind: Kind, id: &impl fmt::Display) -> Result<Self, SubjectError> {
        let id = token(id)?;
        Ok(Self {
            kind,
            text: format!("{PREFIX}{kind}.{id}").into(),
        })
    }

    /// Every event of one kind of aggregate, as a filter.
    pub fn all_of(kind: Kind) -> String {
        format!("{PREFIX}{kind}.*")
    }

    /// The kind of aggregate.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The aggregate's id, as it is spelled.
    pub fn id(&self) -> &str {
        &self.text[PREFIX.len() + self.kind.as_str().len() + 1..]
    }

    /// The whole subject.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for EventSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for EventSubject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || SubjectError::shape(text, "event");
        let (kind, id) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(shape)?;
        let kind = kind.parse().map_err(|_| shape())?;
        if is_token(id) {
            Ok(Self {
                kind,
                text: text.into(),
            })
        } else {
            Err(shape())
        }
    }
}
