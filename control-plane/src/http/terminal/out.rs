//! The way to the viewer: every frame within a time, whatever the protocol.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::SinkExt as _;
use futures::stream::SplitSink;
use nexus_events::view::TerminalTold;
use tokio::time::timeout;

use super::close::Close;
use super::codec::{JsonFrame, Protocol};
use super::text::TextDecoder;

/// How long a viewer may take to take a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the last frame may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The way to a viewer.
#[derive(Debug)]
pub(super) struct Out {
    sink: SplitSink<WebSocket, Message>,
    protocol: Protocol,
    text: TextDecoder,
}

impl Out {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>, protocol: Protocol) -> Self {
        Self {
            sink,
            protocol,
            text: TextDecoder::default(),
        }
    }

    /// Shows bytes.
    pub(super) async fn show(&mut self, bytes: Bytes) -> Result<(), Close> {
        match self.protocol {
            Protocol::Binary => self.send(Message::Binary(bytes)).await,
            Protocol::Json => {
                let text = self.text.decode(&bytes);
                match text.is_empty() {
                    true => Ok(()),
                    false => self.json(&JsonFrame::Output { data: &text }).await,
                }
            }
        }
    }

    /// Tells something beside the bytes; the first protocol has words for a part of it only.
    pub(super) async fn tell(&mut self, told: &TerminalTold) -> Result<(), Close> {
        if self.protocol == Protocol::Binary {
            return self.json(told).await;
        }
        match told {
            TerminalTold::Status { message, .. } => {
                let data = format!("{message}\r\n");
                self.json(&JsonFrame::Output { data: &data }).await
            }
            TerminalTold::Error { message, .. } => self.json(&JsonFrame::Error { message }).await,
            TerminalTold::Pong { id } => self.json(&JsonFrame::Pong { id: *id }).await,
            TerminalTold::Gap { .. } => {
                self.text = TextDecoder::default();
                Ok(())
            }
            TerminalTold::Attached { .. } | TerminalTold::Ended { .. } => Ok(()),
        }
    }

    /// Tells a viewer that came back that its session is a new one.
    pub(super) async fn tell_new_session(&mut self) -> Result<(), Close> {
        match self.protocol {
            // It sees so in what it is told about the session.
            Protocol::Binary => Ok(()),
            Protocol::Json => {
                let message = "New session started";
                self.json(&JsonFrame::Reconnected { message }).await
            }
        }
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Close> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// The last frames. It may be the very viewer that takes nothing any more.
    pub(super) async fn close(&mut self, close: &Close) {
        if *close == Close::Gone {
            return;
        }
        let farewell = async {
            if let Some(code) = close.error() {
                let told = TerminalTold::Error {
                    message: close.reason().to_owned(),
                    code: code.to_owned(),
                };
                self.tell(&told).await?;
            }
            self.send(Message::Close(Some(close.frame()))).await
        };
        if !matches!(timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
            tracing::debug!(
                reason = close.reason(),
                "a viewer could not be told the end"
            );
        }
    }

    async fn json<T: serde::Serialize>(&mut self, told: &T) -> Result<(), Close> {
        let text = serde_json::to_string(told).unwrap_or_default();
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Close> {
        match timeout(PATIENCE, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close::Gone),
            Err(_) => Err(Close::Slow),
        }
    }
}
