//! What a viewer's frames mean, in either protocol.

use axum::extract::ws::Message;
use bytes::Bytes;
use nexus_events::view::{BINARY_PROTOCOL, JSON_PROTOCOL, TerminalAsk};
use nexus_init_protocol::TerminalSize;
use serde::{Deserialize, Serialize};

use super::MOST_INCOMING;

/// In which frames a viewer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Bytes in binary frames, the rest in JSON text frames.
    Binary,
    /// Everything in JSON text frames, bytes as text.
    Json,
}

impl Protocol {
    /// Both, by the subprotocol's name.
    pub(crate) const NAMES: [&'static str; 2] = [BINARY_PROTOCOL, JSON_PROTOCOL];

    /// The protocol of this name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            _ if name == BINARY_PROTOCOL.as_bytes() => Some(Self::Binary),
            _ if name == JSON_PROTOCOL.as_bytes() => Some(Self::Json),
            _ => None,
        }
    }

    /// What a message says.
    pub(super) fn read(self, message: Message) -> Said {
        let length = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            Message::Ping(_) | Message::Pong(_) => return Said::Nothing,
            Message::Close(_) => return Said::Farewell,
        };
        if length > MOST_INCOMING {
            return Said::TooLarge;
        }
        match (self, message) {
            (Self::Binary, Message::Binary(bytes)) => Said::Typed(bytes),
            (Self::Binary, Message::Text(text)) => told(serde_json::from_str(&text)),
            (Self::Json, Message::Text(text)) => match serde_json::from_str(&text) {
                Ok(Input::Input { data }) => Said::Typed(data.into()),
                Err(_) => told(serde_json::from_str(&text)),
            },
            _ => Said::Wrong("binary frames are not part of this protocol".into()),
        }
    }
}

/// What a viewer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Bytes for the program.
    Typed(Bytes),
    /// The window has another size.
    Resized(TerminalSize),
    /// A question, to be answered with its number.
    Ping(u64),
    /// Every byte before this one was shown.
    Ack(u64),
    /// A sign of life.
    Nothing,
    /// Good-bye.
    Farewell,
    /// More than a message may hold.
    TooLarge,
    /// What is none of the protocol's frames.
    Wrong(String),
}

/// Typed text, as the first terminal protocol has it.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Input {
    Input { data: String },
}

/// What the first terminal protocol tells.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum JsonFrame<'t> {
    Output { data: &'t str },
    Error { message: &'t str },
    Reconnected { message: &'t str },
    Pong { id: u64 },
}

fn told(ask: serde_json::Result<TerminalAsk>) -> Said {
    match ask {
        Ok(TerminalAsk::Resize { cols, rows }) if cols > 0 && rows > 0 => {
            let columns = cols;
            Said::Resized(TerminalSize { columns, rows })
        }
        Ok(TerminalAsk::Resize { .. }) => Said::Wrong("a window has columns and rows".into()),
        Ok(TerminalAsk::Ping { id }) => Said::Ping(id),
        Ok(TerminalAsk::Ack { offset }) => Said::Ack(offset),
        Err(error) => Said::Wrong(format!("a frame that is none: {error}")),
    }
}

/// Reads any bytes as a frame of either kind in either protocol.
#[cfg(feature = "testing")]
pub(super) fn read_frames(bytes: &[u8]) {
    let mut messages = vec![Message::Binary(Bytes::copy_from_slice(bytes))];
    if let Ok(text) = std::str::from_utf8(bytes) {
        messages.push(Message::Text(text.to_owned().into()));
    }
    for message in messages {
        for protocol in [Protocol::Binary, Protocol::Json] {
            match protocol.read(message.clone()) {
                Said::Resized(size) => assert!(size.columns > 0 && size.rows > 0),
                Said::Typed(typed) => assert!(typed.len() <= MOST_INCOMING),
                Said::TooLarge => assert!(bytes.len() > MOST_INCOMING),
                Said::Farewell => panic!("nobody said good-bye"),
                Said::Ping(_) | Said::Ack(_) | Said::Nothing | Said::Wrong(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_mean_the_same_in_both_protocols() {
        let text = |text: &str| Message::Text(text.to_owned().into());
        let resize = text(r#"{"type":"resize","cols":120,"rows":40}"#);
        let size = TerminalSize {
            columns: 120,
            rows: 40,
        };
        for protocol in [Protocol::Binary, Protocol::Json] {
            assert_eq!(protocol.read(resize.clone()), Said::Resized(size));
            let ping = text(r#"{"type":"ping","id":3}"#);
            assert_eq!(protocol.read(ping), Said::Ping(3));
            for wrong in ["", "{}", r#"{"type":"resize","cols":0,"rows":1}"#, "[1]"] {
                assert!(
                    matches!(protocol.read(text(wrong)), Said::Wrong(_)),
                    "{wrong}"
                );
            }
            let large = text(&"x".repeat(MOST_INCOMING + 1));
            assert_eq!(protocol.read(large), Said::TooLarge);
        }
        let typed = Said::Typed(Bytes::from_static(b"ls\n"));
        let input = text(r#"{"type":"input","data":"ls\n"}"#);
        assert_eq!(Protocol::Json.read(input.clone()), typed);
        assert!(matches!(Protocol::Binary.read(input), Said::Wrong(_)));
        let bytes = Message::Binary(Bytes::from_static(b"ls\n"));
        assert_eq!(Protocol::Binary.read(bytes.clone()), typed);
        assert!(matches!(Protocol::Json.read(bytes), Said::Wrong(_)));
    }

    #[test]
    fn the_first_protocols_frames_are_as_they_were() {
        let json = |output: &JsonFrame<'_>| serde_json::to_string(output).unwrap();
        assert_eq!(
            json(&JsonFrame::Output { data: "total 48\n" }),
            r#"{"type":"output","data":"total 48\n"}"#
        );
        let message = "New session started";
        assert_eq!(
            json(&JsonFrame::Reconnected { message }),
            r#"{"type":"reconnected","message":"New session started"}"#
        );
        let message = "Connection lost";
        assert_eq!(
            json(&JsonFrame::Error { message }),
            r#"{"type":"error","message":"Connection lost"}"#
        );
    }
}
