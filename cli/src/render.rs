//! A result in each of the forms it can be printed in; one file for each thing that has a look of
//! its own.

mod event;
mod node;
mod operation;
mod summary;
mod table;
mod token;
mod user;
mod workspace;

pub(crate) use event::{event_line, told};
pub(crate) use operation::{kind_text, state_text};
pub(crate) use summary::Summary;
pub(crate) use table::{Row, facts, table};
pub(crate) use workspace::{Services, WorkspaceStatus, idle_text, phase_text};

use nexus_events::view::Page;
use serde::Serialize;

use crate::args::Output;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::screen::Screen;

/// Something a command results in.
pub(crate) trait Show: Serialize {
    /// For people; whole lines, made safe to print.
    fn table(&self, screen: &Screen) -> String;

    /// The name or id of each thing in it.
    fn names(&self) -> Vec<String>;

    /// The documents of it, for one JSON document a line.
    fn documents(&self) -> serde_json::Result<Vec<String>> {
        Ok(vec![serde_json::to_string(self)?])
    }
}

/// `value` in the form asked for, ending with a line break unless empty.
pub(crate) fn text<T: Show>(value: &T, output: Output, screen: &Screen) -> Result<String> {
    let lines =
        |lines: Vec<String>| -> String { lines.into_iter().map(|line| line + "\n").collect() };
    match output {
        Output::Table => Ok(value.table(screen)),
        Output::Json => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| unprintable(&error)),
        Output::Yaml => yaml(value),
        Output::Name => Ok(lines(
            value.names().iter().map(|name| clean(name)).collect(),
        )),
        Output::Ndjson => value
            .documents()
            .map(lines)
            .map_err(|error| unprintable(&error)),
    }
}

fn yaml<T: Serialize>(value: &T) -> Result<String> {
    let text = serde_saphyr::to_string(value).map_err(|error| unprintable(&error))?;
    Ok(match text.ends_with('\n') || text.is_empty() {
        true => text,
        false => text + "\n",
    })
}

fn unprintable(error: &dyn std::fmt::Display) -> Error {
    Error::new(
        Exit::Failure,
        "print the result",
        error,
        "try --output table",
    )
}

impl<T: Row + Serialize> Show for Page<T> {
    fn table(&self, _screen: &Screen) -> String {
        table(&self.items)
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(Row::name).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.items.iter().map(serde_json::to_string).collect()
    }
}

#[cfg(test)]
mod tests;
