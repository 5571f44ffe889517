//! What the API answers about terminals, and the text frames of `nexus.term.bin.v1`, shared by the
//! gateway that speaks it and the command line that listens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::work::ExecExit;
use crate::workspace::Step;

/// The subprotocol with raw bytes in binary frames.
pub const BINARY_PROTOCOL: &str = "nexus.term.bin.v1";

/// The subprotocol with everything in JSON text frames.
pub const JSON_PROTOCOL: &str = "nexus.term.json.v1";

/// The upgrade after which a connection is bare bytes.
pub const STREAM_PROTOCOL: &str = "nexus.stream.v1";

/// Asks, over the local socket, for the connected descriptor instead of bytes.
pub const DESCRIPTOR_HEADER: &str = "x-nexus-descriptor";

/// The terminal sessions of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TerminalList {
    /// In the order they began.
    pub sessions: Vec<TerminalView>,
}

/// A terminal session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TerminalView {
    /// Its id; attach with `?session=<id>`.
    pub id: String,
    /// What runs in it.
    pub argv: Vec<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Who watches it now.
    pub viewers: u32,
    /// Characters in a row.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Number of the oldest byte kept.
    pub first_offset: u64,
    /// One past the newest byte.
    pub end_offset: u64,
    /// Whether what it shows is being recorded inside the workspace.
    #[serde(default)]
    pub recording: bool,
    /// How it ended; absent while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExecExit>,
}

/// A text frame of `nexus.term.bin.v1` from a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TerminalAsk {
    /// The window has another size.
    Resize {
        /// Characters in a row.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Answered by [`TerminalTold::Pong`] with the same id.
    Ping {
        /// Any number.
        id: u64,
    },
    /// Every byte before this one was shown. Once said, at most 128 KiB beyond it are sent.
    Ack {
        /// Counted from the `from` of [`TerminalTold::Attached`].
        offset: u64,
    },
}

/// A text frame of `nexus.term.bin.v1` to a viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TerminalTold {
    /// The viewer sees the session from here on; binary frames count from `from`.
    Attached {
        /// The session, to come back to.
        session: String,
        /// Whether it was made for this viewer.
        created: bool,
        /// Number of the first byte to come.
        from: u64,
        /// One past the newest byte at this moment.
        end: u64,
        /// Whether what this viewer types is dropped.
        read_only: bool,
    },
    /// The bytes before this one are gone; the next binary frame begins with it.
    Gap {
        /// Number of the next byte.
        from: u64,
    },
    /// The workspace is being brought up.
    Status {
        /// One sentence.
        message: String,
        /// The step it is in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<Step>,
    },
    /// The program ended and all its output was sent.
    Ended {
        /// How; absent when nobody knows.
        exit: Option<ExecExit>,
    },
    /// Something went wrong; where it was fatal, the close frame follows.
    Error {
        /// One sentence.
        message: String,
        /// For code.
        code: String,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's.
        id: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_one_form() {
        let json = |told: &TerminalTold| serde_json::to_string(told).expect("JSON");
        let attached = TerminalTold::Attached {
            session: "main".into(),
            created: true,
            from: 0,
            end: 7,
            read_only: false,
        };
        assert_eq!(
            json(&attached),
            r#"{"type":"attached","session":"main","created":true,"from":0,"end":7,"read_only":false}"#
        );
        let ended = TerminalTold::Ended {
            exit: Some(ExecExit::Code(3)),
        };
        assert_eq!(json(&ended), r#"{"type":"ended","exit":{"code":3}}"#);
        for (text, ask) in [
            (
                r#"{"type":"resize","cols":80,"rows":24}"#,
                TerminalAsk::Resize { cols: 80, rows: 24 },
            ),
            (r#"{"type":"ping","id":4}"#, TerminalAsk::Ping { id: 4 }),
            (
                r#"{"type":"ack","offset":9}"#,
                TerminalAsk::Ack { offset: 9 },
            ),
        ] {
            assert_eq!(
                serde_json::from_str::<TerminalAsk>(text).expect("JSON"),
                ask
            );
        }
    }
}
