//! `nexus.parked.<what>.<sequence>`: messages nobody could work on, kept where a person sees them.

use std::fmt;
use std::str::FromStr;

use super::token::SubjectError;

const PREFIX: &str = "nexus.parked.";

/// Which message was parked: its stream and its sequence there, so it is parked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParkedSubject {
    /// A command no worker could carry out, or read.
    Command(u64),
    /// An event a reader of the log could not decode.
    Event(u64),
}

impl ParkedSubject {
    /// Everything we park ourselves.
    pub const ALL: &'static str = "nexus.parked.*.*";
}

impl fmt::Display for ParkedSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(sequence) => write!(f, "{PREFIX}command.{sequence}"),
            Self::Event(sequence) => write!(f, "{PREFIX}event.{sequence}"),
        }
    }
}

impl FromStr for ParkedSubject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || SubjectError::shape(text, "parked");
        let (what, sequence) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(shape)?;
        let sequence = sequence.parse().map_err(|_| shape())?;
        let parsed = match what {
            "command" => Self::Command(sequence),
            "event" => Self::Event(sequence),
            _ => return Err(shape()),
        };
        // A number has more spellings than one (`+7`, `07`); a subject has one.
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(shape())
        }
    }
}
