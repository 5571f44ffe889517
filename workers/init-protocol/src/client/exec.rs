//! A running command as seen by the worker.

use bytes::Bytes;

use super::connection::{Connection, Reader, Writer, expect_answer};
use super::unexpected;
use crate::answer::Answer;
use crate::error::ClientError;
use crate::exec::{ExitOutcome, Signal};
use crate::frame::FrameKind;
use crate::report::OutputStream;
use crate::request::Input;

const ATTEMPTED: &str = "running a command";

/// A command under way: its output and its end; [`ExecStream::split`] for input beside output.
#[derive(Debug)]
pub struct ExecStream {
    process_id: Option<u32>,
    attached: bool,
    reader: Reader,
    input: ExecInput,
}

/// What comes from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEvent {
    /// Bytes it wrote.
    Output {
        /// To which stream.
        stream: OutputStream,
        /// Number of the first byte.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// It ended; nothing follows.
    Ended(ExitOutcome),
}

/// A command that has ended, with what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// How it ended.
    pub outcome: ExitOutcome,
    /// Standard output up to the limit.
    pub stdout: Vec<u8>,
    /// Standard error up to the limit.
    pub stderr: Vec<u8>,
    /// Whether the limit cut something off.
    pub truncated: bool,
}

/// The way into a command. Dropping it neither closes the command's input nor ends the command: that
/// is what [`ExecInput::end`] and dropping the events are for.
#[derive(Debug)]
pub struct ExecInput {
    writer: Writer,
    offset: u64,
}

impl ExecStream {
    pub(super) async fn start(mut connection: Connection) -> Result<Self, ClientError> {
        let answer = connection.answer(ATTEMPTED).await?;
        match expect_answer(ATTEMPTED, answer)? {
            Answer::ExecStarted {
                process_id,
                attached,
            } => Ok(Self {
                process_id,
                attached,
                reader: connection.reader,
                input: ExecInput {
                    writer: connection.writer,
                    offset: 0,
                },
            }),
            other => Err(unexpected(ATTEMPTED, &other)),
        }
    }

    /// Inside the workspace's own process numbers.
    pub fn process_id(&self) -> Option<u32> {
        self.process_id
    }

    /// Whether an earlier request had claimed the id.
    pub fn attached(&self) -> bool {
        self.attached
    }

    /// The way in.
    pub fn input(&mut self) -> &mut ExecInput {
        &mut self.input
    }

    /// Input and output apart, for two tasks.
    pub fn split(self) -> (ExecInput, ExecEvents) {
        let reader = self.reader;
        (self.input, ExecEvents { reader })
    }

    /// The next output or the end. Dropping a pending call loses nothing.
    pub async fn next(&mut self) -> Result<ExecEvent, ClientError> {
        next_event(&mut self.reader).await
    }

    /// Closes the input and reads to the end, keeping at most `limit` bytes of each stream.
    pub async fn collect(mut self, limit: usize) -> Result<ExecOutput, ClientError> {
        // A command that has ended already no longer takes the end of its input.
        let _ended_already = self.input.end().await;
        let mut stdout = Vec::new();
        let mut stderr = Vec::new();
        let mut truncated = false;
        loop {
            match self.next().await? {
                ExecEvent::Output { stream, bytes, .. } => {
                    let kept = match stream {
                        OutputStream::Stdout => &mut stdout,
                        OutputStream::Stderr => &mut stderr,
                    };
                    let room = limit.saturating_sub(kept.len()).min(bytes.len());
                    kept.extend_from_slice(&bytes[..room]);
                    truncated |= room < bytes.len();
                }
                ExecEvent::Ended(outcome) => {
                    return Ok(ExecOutput {
                        outcome,
                        stdout,
                        stderr,
                        truncated,
                    });
                }
            }
        }
    }
}

/// The way out of a command, apart from the way in.
#[derive(Debug)]
pub struct ExecEvents {
    reader: Reader,
}

impl ExecEvents {
    /// The next output or the end. Dropping a pending call loses nothing.
    pub async fn next(&mut self) -> Result<ExecEvent, ClientError> {
        next_event(&mut self.reader).await
    }
}

async fn next_event(reader: &mut Reader) -> Result<ExecEvent, ClientError> {
    let frame = reader.next().await?.ok_or(ClientError::Ended {
        attempted: ATTEMPTED,
    })?;
    let stream = match frame.kind {
        FrameKind::ErrorOutput => OutputStream::Stderr,
        FrameKind::Input | FrameKind::Output => OutputStream::Stdout,
        FrameKind::Control => {
            return match expect_answer(ATTEMPTED, serde_json::from_slice(&frame.payload)?)? {
                Answer::ExecEnded { outcome } => Ok(ExecEvent::Ended(outcome)),
                other => Err(unexpected(ATTEMPTED, &other)),
            };
        }
    };
    let (offset, bytes) = frame.into_data()?;
    Ok(ExecEvent::Output {
        stream,
        offset,
        bytes,
    })
}

impl ExecInput {
    /// Writes to the command's standard input.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.writer
            .data(FrameKind::Input, self.offset, bytes)
            .await?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Closes the command's standard input.
    pub async fn end(&mut self) -> Result<(), ClientError> {
        Ok(self.writer.control(&Input::EndOfInput).await?)
    }

    /// Sends a signal to the command's process group.
    pub async fn signal(&mut self, signal: Signal) -> Result<(), ClientError> {
        Ok(self.writer.control(&Input::Signal(signal)).await?)
    }
}
