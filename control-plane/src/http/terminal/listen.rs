//! The way from the viewer.

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::SplitStream;
use nexus_events::view::TerminalTold;
use nexus_init_protocol::TerminalSize;
use tokio::sync::mpsc;

use super::Shared;
use super::close::Close;
use super::codec::{Protocol, Said};

/// What goes to the program.
#[derive(Debug)]
pub(super) enum Typed {
    Bytes(Bytes),
    Size(TerminalSize),
}

/// Where what a viewer says goes.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) protocol: Protocol,
    pub(super) read_only: bool,
    pub(super) typed: mpsc::Sender<Typed>,
    pub(super) answer: mpsc::Sender<TerminalTold>,
}

/// Listens to a viewer until it leaves.
pub(super) async fn listen(
    stream: &mut SplitStream<WebSocket>,
    ways: Ways,
    shared: &Shared,
) -> Close {
    let mut refused = false;
    while let Some(message) = stream.next().await {
        shared.hear();
        let message = match message {
            Ok(message) => message,
            Err(error) => return end_of(&error),
        };
        match ways.said(message) {
            Said::Typed(_) if ways.read_only => {
                if !std::mem::replace(&mut refused, true) {
                    ways.error("READ_ONLY", "what you type is dropped: you only watch");
                }
            }
            Said::Typed(bytes) => ways.type_in(Typed::Bytes(bytes)).await,
            Said::Resized(size) => ways.type_in(Typed::Size(size)).await,
            Said::Ack(offset) => shared.window.ack(offset),
            Said::Ping(id) => ways.answer(TerminalTold::Pong { id }),
            Said::Wrong(message) => ways.error("VALIDATION_ERROR", &message),
            Said::TooLarge => return Close::TooLarge,
            Said::Farewell => return Close::Gone,
            Said::Nothing => {}
        }
    }
    Close::Gone
}

impl Ways {
    fn said(&self, message: Message) -> Said {
        self.protocol.read(message)
    }

    /// Waits for room: a program that reads slowly slows down whoever types.
    async fn type_in(&self, typed: Typed) {
        // Nobody takes it any more only when the session is at its end.
        let _ = self.typed.send(typed).await;
    }

    /// A viewer that asks faster than it listens is not answered each time.
    fn answer(&self, told: TerminalTold) {
        let _ = self.answer.try_send(told);
    }

    fn error(&self, code: &str, message: &str) {
        self.answer(TerminalTold::Error {
            message: message.to_owned(),
            code: code.to_owned(),
        });
    }
}

/// What the WebSocket's own rules were broken by. The library's error cannot be named from here,
/// since the framework does not show it; its words can.
fn end_of(error: &axum::Error) -> Close {
    match error.to_string().contains("too long") {
        true => Close::TooLarge,
        false => Close::Gone,
    }
}
