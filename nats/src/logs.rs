//! What steps and services say, kept apart from the truth: it may be cut by age and size.

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::work::OutputChunk;
use nexus_events::workspace::Step;

use crate::call::{CallError, PATIENCE};
use crate::connect::Bus;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::subject::LogSubject;
use crate::topology::LOGS;

/// The longest text in one message, in bytes; longer ones are cut into several.
const LONGEST: usize = 64 << 10;

/// Why output could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The server did not answer, or refused.
    #[error("the output of steps")]
    Call(#[from] CallError),
    /// The chunk cannot be written as JSON.
    #[error("writing output as JSON")]
    Encode(#[from] serde_json::Error),
}

/// Whether a reader ends where the output ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// It waits for more, for ever.
    Yes,
    /// It ends.
    No,
}

/// Whose output is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    workspace: WorkspaceId,
    operation: Option<OperationId>,
    step: Option<Step>,
    after: u64,
}

impl LogFilter {
    /// All of a workspace's.
    pub const fn of(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            operation: None,
            step: None,
            after: 0,
        }
    }

    /// Only that of one operation.
    #[must_use]
    pub fn operation(self, operation: OperationId) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// Only that of one step (a service is a step).
    #[must_use]
    pub fn step(self, step: Step) -> Self {
        Self {
            step: Some(step),
            ..self
        }
    }

    /// Only what came after the chunk with this sequence.
    #[must_use]
    pub fn after(self, sequence: u64) -> Self {
        Self {
            after: sequence,
            ..self
        }
    }
}

/// A piece of output with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its position among all output, to resume after.
    pub sequence: u64,
    /// The output.
    pub chunk: OutputChunk,
}

/// The output of all steps. Clones share the connection.
#[derive(Debug, Clone)]
pub struct StepLogs {
    bus: Bus,
}

impl StepLogs {
    /// That on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// Keeps a piece of output, and waits until it is kept. Long ones are cut into several.
    ///
    /// # Errors
    /// When it may not be kept; output is not worth stopping the work for.
    pub async fn publish(&self, chunk: &OutputChunk) -> Result<(), LogsError> {
        let subject = LogSubject {
            workspace: chunk.workspace,
            operation: chunk.operation,
            step: chunk.step.clone(),
        };
        for text in pieces(&chunk.text) {
            let piece = OutputChunk {
                text: text.to_owned(),
                ..chunk.clone()
            };
            let payload = serde_json::to_vec(&piece)?.into();
            let attempt = "keeping output";
            self.bus
                .call::<serde_json::Value>(attempt, subject.to_string(), None, payload, PATIENCE)
                .await?;
        }
        Ok(())
    }

    /// Reads output in the order it was kept.
    pub fn read(&self, filter: LogFilter, follow: Follow) -> LogReader {
        let subject = LogSubject::filter(filter.workspace, filter.operation, filter.step.as_ref());
        let feed = Feed::new(self.bus.clone(), LOGS, subject);
        LogReader {
            bus: self.bus.clone(),
            feed,
            position: filter.after,
            follow,
            ended: false,
        }
    }
}

/// A reader of output.
#[derive(Debug)]
pub struct LogReader {
    bus: Bus,
    feed: Feed,
    position: u64,
    follow: Follow,
    ended: bool,
}

impl LogReader {
    /// The next piece; `None` at the end, unless it follows. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the server refuses; a server that is away is waited for.
    pub async fn next(&mut self) -> Result<Option<StoredChunk>, LogsError> {
        while !self.ended {
            if !self.feed.is_open() {
                self.open().await?;
            }
            match self.feed.next().await {
                Fed::Message(message) => {
                    self.position = message.sequence;
                    self.ended = self.follow == Follow::No && message.pending == 0;
                    if let Some(chunk) = stored(message) {
                        return Ok(Some(chunk));
                    }
                }
                Fed::CaughtUp => self.ended = self.follow == Follow::No,
                Fed::Closed => {}
            }
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<(), LogsError> {
        loop {
            match self.feed.open(Start::At(self.position + 1)).await {
                Err(error) if error.is_temporary() => self.bus.pause_or_reconnected().await,
                answer => return Ok(answer?),
            }
        }
    }
}

/// `None` for what is no output: a newer worker's, perhaps.
fn stored(message: FeedMessage) -> Option<StoredChunk> {
    match serde_json::from_slice(&message.payload) {
        Ok(chunk) => Some(StoredChunk {
            sequence: message.sequence,
            chunk,
        }),
        Err(error) => {
            tracing::warn!(%error, sequence = message.sequence, "output that cannot be read");
            None
        }
    }
}

/// Cuts a text into pieces of at most [`LONGEST`] bytes, between characters.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > LONGEST {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LONGEST));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, pieces};

    #[test]
    fn long_texts_are_cut_between_characters_and_nothing_is_lost() {
        let text = "ö".repeat(LONGEST);
        let cut = pieces(&text);
        assert!(
            cut.iter()
                .all(|piece| piece.len() <= LONGEST && !piece.is_empty())
        );
        assert_eq!(cut.concat(), text);
        assert_eq!(pieces(""), [""]);
    }
}
