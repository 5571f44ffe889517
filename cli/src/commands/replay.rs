//! `nexus replay`: how everything stood at a moment of the past, and whether the rules would
//! decide it the same again.

use std::collections::HashMap;

use nexus_events::audit::decisions::{Decisions, Verdict};
use nexus_events::audit::line::{Head, Line};
use nexus_events::audit::past::{Past, PortView};
use nexus_events::id::UserId;
use nexus_events::view::{Page, UserView};

use super::workspace::all_pages;
use crate::args::audit::{Replay, Show as What};
use crate::clean::clean;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, Part};
use crate::render::{Row, Show};
use crate::screen::Screen;

const WHAT: &str = "read the log";

pub(super) async fn run(context: &Context, arguments: &Replay) -> Result<Exit> {
    let history = History::of(context, arguments.file.as_ref())?;
    if arguments.is_assert {
        return again(context, &history, arguments).await;
    }
    let (past, head) = past(&history, arguments).await?;
    let logins = match history.server() {
        Some(client) => logins(client).await?,
        None => HashMap::new(),
    };
    let login = |user: UserId| logins.get(&user).cloned().flatten();
    if let Some(name) = &arguments.workspace {
        let name = crate::reference::workspace(name)?;
        let found = past.find(name);
        let view = found.and_then(|(id, known)| past.view(id, known, &head.host, &login));
        context.show(&view.ok_or_else(|| none(name, past.sequence))?)?;
        return Ok(Exit::Ok);
    }
    let sequence = past.sequence;
    match arguments.show {
        What::List => context.show(&page(past.list(&head.host, login), sequence))?,
        What::Nodes => context.show(&page(past.nodes(), sequence))?,
        What::Ports => context.show(&page(past.ports(), sequence))?,
    }
    Ok(Exit::Ok)
}

const fn page<T>(items: Vec<T>, sequence: u64) -> Page<T> {
    Page {
        items,
        next: None,
        sequence,
    }
}

/// Everything folded up to the moment meant; without one, up to the end.
async fn past(history: &History, arguments: &Replay) -> Result<(Past, Head)> {
    let part = Part {
        until: arguments.seq,
        ..Part::default()
    };
    let (mut past, mut is_over) = (Past::default(), false);
    let mut last = 0;
    let read = history.read(WHAT, &part, |_, line| {
        let Line::Event(record) = line else {
            return Ok(());
        };
        let Ok(entry) = record.read() else {
            last = record.sequence;
            return Ok(());
        };
        // The server's time goes forward only; the first event after the moment ends it.
        is_over = is_over || arguments.at.is_some_and(|at| entry.came_at() > at);
        if !is_over {
            past.take(&entry);
            last = record.sequence;
        }
        Ok(())
    });
    let (head, _) = read.await?;
    if let Some(wanted) = arguments.seq {
        if wanted > head.last {
            return Err(beyond(wanted, head.last));
        }
        // A part of a log goes as far as it goes, whether or not the last event is in it.
        last = wanted;
    }
    past.sequence = last;
    Ok((past, head))
}

fn beyond(wanted: u64, last: u64) -> Error {
    let what = format!("show how everything stood at event {wanted}");
    let why = format!("the newest event is {last}");
    Error::new(
        Exit::NotFound,
        what,
        why,
        format!("nexus replay --seq {last}"),
    )
}

fn none(name: &str, sequence: u64) -> Error {
    let what = format!("show workspace {name} as of event {sequence}");
    let why = "nobody had asked for it by then";
    Error::new(Exit::NotFound, what, why, format!("nexus why {name}"))
}

/// What users are called: sealed in the log, known to the server.
async fn logins(client: &Client) -> Result<HashMap<UserId, Option<String>>> {
    let request = Request::get("read what users are called", "/api/v1/users");
    let users: Page<UserView> = all_pages(client, &request).await?;
    let users = users.items.into_iter();
    Ok(users.map(|user| (user.id, user.github_login)).collect())
}

/// Every decision made again.
async fn again(context: &Context, history: &History, arguments: &Replay) -> Result<Exit> {
    let part = Part {
        until: arguments.seq,
        ..Part::default()
    };
    let mut decisions = Decisions::default();
    let read = history.entries(WHAT, &part, |entry| {
        decisions.take(&entry);
        Ok(())
    });
    read.await?;
    let verdict = decisions.finish();
    context.show(&verdict)?;
    Ok(match verdict.different.is_empty() {
        true => Exit::Ok,
        false => Exit::Failure,
    })
}

impl Show for Verdict {
    fn table(&self, _screen: &Screen) -> String {
        let different = self.different.len();
        let mut text = match different {
            0 => format!("{} decisions made again, all the same\n", self.decided),
            _ => format!(
                "{} decisions made again, {different} differently\n",
                self.decided
            ),
        };
        for one in &self.different {
            let line = format!("{:>8}  {}: {}", one.sequence, one.subject, one.decided);
            let indent = line.len() - line.trim_start().len();
            text.push_str(&format!("{}{}\n", " ".repeat(indent), clean(&line)));
        }
        if self.without_beginning > 0 {
            text.push_str(&format!(
                "{} more are about what began before the log does\n",
                self.without_beginning
            ));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        let different = self.different.iter();
        different.map(|one| one.sequence.to_string()).collect()
    }
}

impl Row for PortView {
    const HEADINGS: &'static [&'static str] = &["PORT", "LEADS TO", "WORKSPACE", "ID"];

    fn cells(&self) -> Vec<String> {
        let name = self.name.as_ref().map(ToString::to_string);
        let service = self.service.as_ref().map(ToString::to_string);
        vec![
            self.port.to_string(),
            service.unwrap_or_else(|| "ssh".into()),
            name.unwrap_or_default(),
            self.workspace.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.port.to_string()
    }
}
