//! Why a terminal's connection ends: the code for programs, the reason for people.

use axum::extract::ws::CloseFrame;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_init_protocol::{ClientError, FailureCode};

use crate::chain;
use crate::gateway::{Departure, ReachError};

/// The longest reason of a close frame, in bytes (RFC 6455, section 5.5).
const MOST_REASON: usize = 123;

/// Why a terminal's connection ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Close {
    /// The other end is gone; nobody is left to be told.
    Gone,
    /// The program ended.
    Ended,
    /// The server restarts.
    Restarting,
    /// The viewer's token counts no more.
    AccessLost,
    /// A message was too large.
    TooLarge,
    /// The workspace stops, or did not start.
    Stopped(String),
    /// The workspace is deleted.
    Deleted,
    /// The viewer did not take what there was to see.
    Slow,
    /// There is no such session.
    NoSession(String),
    /// The node does not answer, or init does not.
    Unreachable(String),
}

impl Close {
    /// The close code (RFC 6455, section 7.4, and its range for applications).
    pub(crate) const fn code(&self) -> u16 {
        match self {
            Self::Gone | Self::Ended => 1000,
            Self::Restarting => 1001,
            Self::AccessLost => 1008,
            Self::TooLarge => 1009,
            Self::Stopped(_) => 4001,
            Self::Deleted => 4002,
            Self::Slow => 4003,
            Self::NoSession(_) => 4004,
            Self::Unreachable(_) => 4005,
        }
    }

    /// Why, for people.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Gone => "the other end is gone",
            Self::Ended => "the program ended",
            Self::Restarting => "the server restarts; come back",
            Self::AccessLost => "the token counts no more",
            Self::TooLarge => "a message may have 64 KiB",
            Self::Deleted => "the workspace is deleted",
            Self::Slow => "too slow; come back",
            Self::Stopped(reason) | Self::NoSession(reason) | Self::Unreachable(reason) => reason,
        }
    }

    /// The word for programs that read `error` frames, where the end is an error.
    pub(crate) const fn error(&self) -> Option<&'static str> {
        match self {
            Self::Gone | Self::Ended | Self::Restarting => None,
            Self::AccessLost => Some("AUTHENTICATION_ERROR"),
            Self::TooLarge => Some("PAYLOAD_TOO_LARGE"),
            Self::Stopped(_) => Some("NOT_RUNNING"),
            Self::Deleted => Some("GONE"),
            Self::Slow => Some("TIMEOUT"),
            Self::NoSession(_) => Some("NOT_FOUND"),
            Self::Unreachable(_) => Some("NETWORK_ERROR"),
        }
    }

    /// The frame; its reason is cut where it would be too long.
    pub(crate) fn frame(&self) -> CloseFrame {
        let reason = self.reason();
        let mut end = reason.len().min(MOST_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        CloseFrame {
            code: self.code(),
            reason: reason[..end].into(),
        }
    }

    /// The end that a workspace's end is.
    pub(super) fn of_departure(departure: Departure) -> Self {
        match departure {
            Departure::Stopped => Self::Stopped("the workspace stopped".into()),
            Departure::Deleted => Self::Deleted,
        }
    }

    /// The end that not being let in by init is.
    pub(super) fn of_init(error: &ClientError) -> Self {
        let text = chain::text(error);
        match error.failure().map(|failure| failure.code) {
            Some(FailureCode::NotFound) => Self::NoSession(text),
            Some(_) | None => Self::Unreachable(text),
        }
    }

    /// The end that not reaching a workspace is.
    pub(super) fn of_reach(error: ReachError) -> Self {
        let unknown = matches!(
            &error,
            ReachError::NotRunning {
                phase: "unknown",
                ..
            }
        );
        let Problem { code, detail, .. } = error.problem();
        match code {
            _ if unknown => Self::Unreachable(detail),
            ProblemCode::Gone | ProblemCode::NotFound => Self::Deleted,
            ProblemCode::NotRunning | ProblemCode::Conflict => Self::Stopped(detail),
            _ => Self::Unreachable(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_always_fits_its_frame() {
        let close = Close::Stopped("ä".repeat(100));
        assert_eq!(close.frame().reason.as_str(), "ä".repeat(61));
        for close in [
            Close::Ended,
            Close::Restarting,
            Close::AccessLost,
            Close::TooLarge,
            Close::Deleted,
            Close::Slow,
        ] {
            assert!(close.reason().len() <= MOST_REASON && !close.reason().is_empty());
        }
    }
}
