//! `nexus events tail`: the log, from any point of the past on.
//!
//! With a cursor file the position is written after each event that was printed. A reader that is
//! stopped by a signal or whose output is closed goes on exactly there when it is started again.

use std::path::Path;

use nexus_events::view::{EventView, WorkspaceView};
use tokio::signal::unix::{SignalKind, signal};

use super::workspace::find;
use crate::args::Output;
use crate::args::event::{Events, State, Tail as Arguments};
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::out;
use crate::reference;
use crate::render::{self, event_line};
use crate::tail::{Filter, Item, Tail};

pub(super) async fn run(context: &Context, command: &Events) -> Result<Exit> {
    match command {
        Events::Tail(arguments) => tail(context, arguments).await,
        Events::State(arguments) => state(context, arguments).await,
    }
}

/// The workspace as of one event of the past.
async fn state(context: &Context, arguments: &State) -> Result<Exit> {
    let name = reference::workspace(&arguments.workspace)?;
    let what = format!("read workspace {name} as of event {}", arguments.at);
    let path = workspace_path(name, &format!("/at/{}", arguments.at));
    let workspace: WorkspaceView = context.client()?.send(&Request::get(what, path)).await?;
    context.show(&workspace)?;
    Ok(Exit::Ok)
}

async fn tail(context: &Context, arguments: &Arguments) -> Result<Exit> {
    let client = context.client()?;
    let workspace = match &arguments.workspace {
        Some(name) => Some(find(&client, name, None).await?.id.to_string()),
        None => None,
    };
    let filter = Filter {
        workspace,
        event_type: arguments.event_type.clone(),
        kind: arguments.kind.clone(),
    };
    let after = beginning(context, &client, arguments).await?;
    let mut tail = Tail::new(client, filter, after);
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Error::new(Exit::Failure, "listen for signals", error, "try again"))?;
    let follow = async {
        while let Some(event) = next(context, &mut tail, arguments.no_follow).await? {
            print(context, &event)?;
            if let Some(path) = &arguments.cursor {
                write_cursor(path, event.sequence)?;
            }
        }
        Ok(Exit::Ok)
    };
    // Printing and writing the cursor have no pause between them, so a signal cannot part them.
    tokio::select! {
        end = follow => end,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Ok),
    }
}

/// The next event; `None` once everything there is has been read and no more is wanted.
async fn next(context: &Context, tail: &mut Tail, once: bool) -> Result<Option<EventView>> {
    let mut told = false;
    loop {
        match tail.next().await? {
            Item::Event(event) => return Ok(Some(event)),
            Item::CaughtUp if once => return Ok(None),
            Item::CaughtUp => {}
            Item::Broken(_) if told => {}
            Item::Broken(error) => {
                told = true;
                context.say(&format!("{}; trying again", error.why));
            }
        }
    }
}

/// After which sequence to begin.
async fn beginning(context: &Context, client: &Client, arguments: &Arguments) -> Result<u64> {
    let newest = async || {
        let health = client.health("ask for the newest event").await;
        health.map(|health| health.sequence)
    };
    let cursor = arguments.cursor.as_deref();
    let reached = cursor.map(read_cursor).transpose()?.flatten();
    if let (Some(after), Some(path)) = (reached, cursor) {
        let newest = newest().await?;
        return match after > newest {
            true => Err(ahead(path, after, newest)),
            false => Ok(after),
        };
    }
    match arguments.since {
        Some(since) => Ok(since),
        None if cursor.is_some() || arguments.no_follow => Ok(0),
        None => {
            let newest = newest().await?;
            context.say(&format!(
                "events after {newest}; --since 0 begins with the first"
            ));
            Ok(newest)
        }
    }
}

/// A cursor beyond the end belongs to another log; going on would skip what is new in this one.
fn ahead(path: &Path, after: u64, newest: u64) -> Error {
    Error::new(
        Exit::Conflict,
        format!("go on at {after}, as {} says", path.display()),
        format!("the log ends at {newest}: the cursor belongs to another log"),
        format!("rm {} to begin with the first event", path.display()),
    )
}

/// What `path` says; `None` where there is no such file yet.
fn read_cursor(path: &Path) -> Result<Option<u64>> {
    let failed = |why: &dyn std::fmt::Display| {
        Error::new(
            Exit::Failure,
            format!("read the cursor {}", path.display()),
            why,
            format!("rm {} to begin with the first event", path.display()),
        )
    };
    match home::read_if_there(path).map_err(|error| failed(&error))? {
        None => Ok(None),
        Some(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|error| failed(&error)),
    }
}

fn write_cursor(path: &Path, sequence: u64) -> Result<()> {
    home::replace_private_file(path, format!("{sequence}\n").as_bytes()).map_err(|error| {
        let what = format!("write the cursor {}", path.display());
        Error::new(Exit::Failure, what, error, "check the folder and its disk")
    })
}

fn print(context: &Context, event: &EventView) -> Result<()> {
    let text = match context.output {
        Output::Table => event_line(event, &context.screen),
        // Documents of a stream must be told apart as they come.
        Output::Json | Output::Ndjson => render::text(event, Output::Ndjson, &context.screen)?,
        Output::Yaml => format!(
            "---\n{}",
            render::text(event, Output::Yaml, &context.screen)?
        ),
        Output::Name => render::text(event, Output::Name, &context.screen)?,
    };
    out::data(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        assert_eq!(read_cursor(&path).unwrap(), None);
        write_cursor(&path, 41).unwrap();
        write_cursor(&path, 42).unwrap();
        assert_eq!(read_cursor(&path).unwrap(), Some(42));
    }

    #[test]
    fn a_cursor_that_is_none_is_never_taken_for_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        for text in ["", "x", "-1", "1 2"] {
            std::fs::write(&path, text).unwrap();
            assert!(read_cursor(&path).is_err(), "{text:?}");
        }
    }
}
