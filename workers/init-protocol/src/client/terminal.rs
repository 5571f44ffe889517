//! A terminal session as seen by one viewer.

use bytes::Bytes;

use super::connection::{Connection, Reader, Writer, expect_answer};
use super::unexpected;
use crate::answer::Answer;
use crate::error::ClientError;
use crate::exec::{ExitOutcome, Signal};
use crate::frame::{FrameError, FrameKind};
use crate::id::SessionId;
use crate::request::Input;
use crate::terminal::TerminalSize;

const ATTEMPTED: &str = "watching a terminal";

/// A terminal being watched.
#[derive(Debug)]
pub struct TerminalStream {
    session: SessionId,
    created: bool,
    from: u64,
    end: u64,
    events: TerminalEvents,
    input: TerminalInput,
}

/// What comes from a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    /// Bytes it showed. An offset beyond the end of the last bytes means that this viewer was too
    /// slow and the bytes between are gone.
    Output {
        /// Number of the first byte.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Its command ended; nothing follows.
    Ended(ExitOutcome),
}

/// The way out of a terminal.
#[derive(Debug)]
pub struct TerminalEvents {
    reader: Reader,
}

/// The way into a terminal. Dropping it does not end the watching.
#[derive(Debug)]
pub struct TerminalInput {
    writer: Writer,
    offset: u64,
    /// Whether the init there understands what a viewer has taken.
    tells_taken: bool,
}

impl TerminalStream {
    pub(super) async fn start(mut connection: Connection) -> Result<Self, ClientError> {
        let answer = connection.answer(ATTEMPTED).await?;
        match expect_answer(ATTEMPTED, answer)? {
            Answer::TerminalAttached {
                session,
                created,
                from,
                end,
            } => Ok(Self {
                input: TerminalInput {
                    tells_taken: connection.needs_sharing(ATTEMPTED).is_ok(),
                    writer: connection.writer,
                    offset: 0,
                },
                session,
                created,
                from,
                end,
                events: TerminalEvents {
                    reader: connection.reader,
                },
            }),
            other => Err(unexpected(ATTEMPTED, &other)),
        }
    }

    /// The session watched.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Whether it was made for this viewer.
    pub fn created(&self) -> bool {
        self.created
    }

    /// Number of the first byte to come.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// One past the newest byte at the moment of attaching.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The next output or the end. Dropping a pending call loses nothing.
    pub async fn next(&mut self) -> Result<TerminalEvent, ClientError> {
        self.events.next().await
    }

    /// The way in.
    pub fn input(&mut self) -> &mut TerminalInput {
        &mut self.input
    }

    /// Input and output apart, for two tasks.
    pub fn split(self) -> (TerminalInput, TerminalEvents) {
        (self.input, self.events)
    }
}

impl TerminalEvents {
    /// The next output or the end. Dropping a pending call loses nothing.
    pub async fn next(&mut self) -> Result<TerminalEvent, ClientError> {
        let frame = self.reader.next().await?.ok_or(ClientError::Ended {
            attempted: ATTEMPTED,
        })?;
        if frame.kind != FrameKind::Control {
            let (offset, bytes) = frame.into_data()?;
            return Ok(TerminalEvent::Output { offset, bytes });
        }
        match expect_answer(ATTEMPTED, serde_json::from_slice(&frame.payload)?)? {
            Answer::TerminalEnded { outcome } => Ok(TerminalEvent::Ended(outcome)),
            other => Err(unexpected(ATTEMPTED, &other)),
        }
    }
}

impl TerminalInput {
    /// Types bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.writer
            .data(FrameKind::Input, self.offset, bytes)
            .await?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Tells the session that this viewer's window has another size; the newest size of any viewer counts.
    pub async fn resize(&mut self, size: TerminalSize) -> Result<(), ClientError> {
        Ok(self.writer.control(&Input::Resize(size)).await?)
    }

    /// Tells the session that nothing more is typed: once it has all there was, it lets the viewer
    /// go, which the way out ends with.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        Ok(self.writer.finish().await.map_err(FrameError::from)?)
    }

    /// Sends a signal to the foreground process group.
    pub async fn signal(&mut self, signal: Signal) -> Result<(), ClientError> {
        Ok(self.writer.control(&Input::Signal(signal)).await?)
    }

    /// Tells that every byte before `offset` was taken, which bounds how far the program runs ahead of
    /// this viewer. An older init is not told and bounds what its socket holds.
    pub async fn taken(&mut self, offset: u64) -> Result<(), ClientError> {
        match self.tells_taken {
            true => Ok(self.writer.control(&Input::Taken { offset }).await?),
            false => Ok(()),
        }
    }
}
