//! Lines of JSON (`application/x-ndjson`), cut out of a reply as it comes.

use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::exit::Exit;

/// A line longer than this is refused: the server sends pieces of at most a tenth of it.
const LONGEST_LINE: usize = 8 << 20;

/// The lines of a streamed reply.
pub(crate) struct Lines {
    what: String,
    response: Response,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// The lines of `response`; `what` follows `could not` when one cannot be read.
    pub(crate) fn new(what: impl Into<String>, response: Response) -> Self {
        Self {
            what: what.into(),
            response,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// The next line, `None` after the last.
    ///
    /// # Errors
    /// The connection broke, or a line is not what it should be.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        while let Some(line) = self.next_line().await? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let value = serde_json::from_slice(&line).map_err(|error| {
                self.error(&format!(
                    "the server sent a line that cannot be read: {error}"
                ))
            })?;
            return Ok(Some(value));
        }
        Ok(None)
    }

    async fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                let rest = self.buffer.split_off(searched + end + 1);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            if self.ended {
                let last = std::mem::take(&mut self.buffer);
                return Ok((!last.is_empty()).then_some(last));
            }
            searched = self.buffer.len();
            if searched > LONGEST_LINE {
                return Err(self.error("the server sent a line without an end"));
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.buffer.extend_from_slice(&bytes),
                Ok(None) => self.ended = true,
                Err(_) => return Err(self.error("the connection broke before the end")),
            }
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::new(Exit::Unreachable, &self.what, why, "nexus daemon status")
    }
}
