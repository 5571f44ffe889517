//! Where a question about the past gets its events: the server's log, or a file of it.
//!
//! A file answers the same without a server: offline, on another machine, long after what it is
//! about was deleted. Every event is looked at once, as it comes, so a long log takes no memory.

mod file;

use std::path::PathBuf;

use nexus_events::audit::line::{End, FORMAT, Head, Line};
use nexus_events::audit::{Entry, Record};

use crate::client::{Client, Lines, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use file::File;

/// A log that can be read, from its beginning, as often as is needed.
pub(crate) enum History {
    /// A file that `nexus audit export`, `nexus backup` or `nexus incident export` wrote.
    File(PathBuf),
    /// The log of the server.
    Server(Client),
}

/// Which part of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// Only events up to this sequence.
    pub(crate) until: Option<u64>,
    /// Only what is about this workspace, by id.
    pub(crate) workspace: Option<String>,
    /// With what was refused.
    pub(crate) refusals: bool,
    /// With what is kept of users beside the log, encrypted.
    pub(crate) kept: bool,
}

impl History {
    /// The file named, else the server.
    pub(crate) fn of(context: &Context, from: Option<&PathBuf>) -> Result<Self> {
        match from {
            Some(path) => Ok(Self::File(path.clone())),
            None => Ok(Self::Server(context.client()?)),
        }
    }

    /// The server, where that is what is read.
    pub(crate) const fn server(&self) -> Option<&Client> {
        match self {
            Self::Server(client) => Some(client),
            Self::File(_) => None,
        }
    }

    /// Reads `part` to its end: `each` is given every line between the head and the end.
    ///
    /// # Errors
    /// It cannot be read, or its end is missing.
    pub(crate) async fn read(
        &self,
        what: &str,
        part: &Part,
        mut each: impl FnMut(&Head, Line) -> Result<()>,
    ) -> Result<(Head, End)> {
        let mut reading = self.open(what, part).await?;
        let head = reading.head().await?;
        loop {
            match reading.next().await? {
                Some(Line::End(end)) => return Ok((head, end)),
                Some(line) if reading.is_wanted(&line, part) => each(&head, line)?,
                Some(_) => {}
                None => {
                    return Err(reading.wrong("it ends in the middle: its last line is missing"));
                }
            }
        }
    }

    /// The events of `part` that can be read, each once, in order.
    ///
    /// # Errors
    /// As [`History::read`].
    pub(crate) async fn entries(
        &self,
        what: &str,
        part: &Part,
        mut each: impl FnMut(Entry) -> Result<()>,
    ) -> Result<Head> {
        let read = self.read(what, part, |_, line| match line {
            // What nobody can read is parked by the server and named by `nexus audit verify`.
            Line::Event(record) => record.read().map_or(Ok(()), &mut each),
            Line::Refused(_) | Line::Kept(_) | Line::Log(_) | Line::End(_) => Ok(()),
        });
        Ok(read.await?.0)
    }

    async fn open(&self, what: &str, part: &Part) -> Result<Reading> {
        let source = match self {
            Self::File(path) => Source::File(File::open(path, what)?),
            Self::Server(client) => {
                let request = Request::get(what, "/api/v1/log")
                    .maybe("until", part.until)
                    .maybe("workspace", part.workspace.as_deref())
                    .maybe("refusals", part.refusals.then_some(true))
                    .maybe("kept", part.kept.then_some(true))
                    .accept("application/x-ndjson");
                Source::Server(Lines::new(what, client.stream(&request).await?))
            }
        };
        Ok(Reading {
            source,
            what: what.to_owned(),
        })
    }
}

/// All events, and nothing else.
pub(crate) static WHOLE: Part = Part {
    until: None,
    workspace: None,
    refusals: false,
    kept: false,
};

enum Source {
    File(File),
    Server(Lines),
}

/// A log being read.
struct Reading {
    source: Source,
    what: String,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Line>> {
        match &mut self.source {
            Source::File(file) => file.next(),
            Source::Server(lines) => lines.next().await,
        }
    }

    async fn head(&mut self) -> Result<Head> {
        match self.next().await? {
            Some(Line::Log(head)) if head.format == FORMAT => Ok(head),
            Some(Line::Log(head)) => {
                let why = format!("it is of form {}, this program reads {FORMAT}", head.format);
                Err(self.wrong(&why))
            }
            Some(_) | None => Err(self.wrong("its first line does not say which log it is")),
        }
    }

    /// A server has left out what is not wanted; a file has not.
    fn is_wanted(&self, line: &Line, part: &Part) -> bool {
        match (line, &self.source) {
            (_, Source::Server(_)) => true,
            (Line::Event(record), Source::File(_)) => {
                part.until.is_none_or(|until| record.sequence <= until)
                    && part
                        .workspace
                        .as_ref()
                        .is_none_or(|workspace| is_about(record, workspace))
            }
            (Line::Refused(_), Source::File(_)) => part.refusals,
            (Line::Log(_) | Line::Kept(_) | Line::End(_), Source::File(_)) => true,
        }
    }

    fn wrong(&self, why: &str) -> Error {
        let next = match &self.source {
            Source::File(_) => "nexus audit export --out FILE",
            Source::Server(_) => "nexus daemon status",
        };
        Error::new(Exit::Failure, &self.what, why, next)
    }
}

fn is_about(record: &Record, workspace: &str) -> bool {
    let entry = record.read();
    entry.is_ok_and(|entry| {
        entry
            .workspace()
            .is_some_and(|id| id.to_string() == workspace)
    })
}
