//! A log in a file, line by line.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use nexus_events::audit::line::Line;

use crate::error::{Error, Result};
use crate::exit::Exit;

/// A file being read.
pub(super) struct File {
    reader: BufReader<std::fs::File>,
    path: PathBuf,
    what: String,
    number: u64,
    line: Vec<u8>,
}

impl File {
    /// The file at `path`; `what` follows `could not`.
    pub(super) fn open(path: &Path, what: &str) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| {
            let exit = match error.kind() {
                std::io::ErrorKind::NotFound => Exit::NotFound,
                _ => Exit::Failure,
            };
            let why = format!("{}: {error}", path.display());
            Error::new(exit, what, why, "nexus audit export --out FILE")
        })?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 18, file),
            path: path.to_owned(),
            what: what.to_owned(),
            number: 0,
            line: Vec::new(),
        })
    }

    /// The next line; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        loop {
            self.line.clear();
            let read = self.reader.read_until(b'\n', &mut self.line);
            if read.map_err(|error| self.wrong(&error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return serde_json::from_slice(&self.line)
                    .map(Some)
                    .map_err(|error| self.wrong(&error));
            }
        }
    }

    fn wrong(&self, error: &dyn std::fmt::Display) -> Error {
        let why = format!("line {} of {}: {error}", self.number, self.path.display());
        let next = "check where the file comes from: nexus audit verify FILE";
        Error::new(Exit::Failure, &self.what, why, next)
    }
}
