//! `nexus why`: who did it and because of what.

mod find;
mod tree;

use nexus_events::audit::causes::{About, Causes, Request};
use nexus_events::audit::checks::Fault;
use nexus_events::audit::line::Line;
use nexus_events::refusal::Refused;
use serde::Serialize;

use crate::args::audit::Why;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, Part, WHOLE};
use crate::render::Show;
use crate::screen::Screen;
use find::Subject;
pub(super) use find::workspace as workspace_of;

const WHAT: &str = "read the log";

pub(super) async fn run(context: &Context, arguments: &Why) -> Result<Exit> {
    let history = History::of(context, arguments.source.file.as_ref())?;
    if arguments.verify {
        return verify(context, &history).await;
    }
    let text = arguments.what.as_deref().unwrap_or_default();
    let subject = find::subject(&history, text).await?;
    let part = Part {
        workspace: subject.workspace.clone(),
        refusals: true,
        ..Part::default()
    };
    let mut causes = Causes::default();
    let mut refused = Vec::new();
    let read = history.read(WHAT, &part, |_, line| {
        match line {
            Line::Event(record) => {
                if let Ok(entry) = record.read() {
                    causes.take(&entry);
                }
            }
            Line::Refused(one) if subject.concerns(&one) => refused.push(one),
            Line::Refused(_) | Line::Kept(_) | Line::Log(_) | Line::End(_) => {}
        }
        Ok(())
    });
    read.await?;
    let requests = causes.requests(subject.about);
    if requests.is_empty() {
        return Err(nothing(text));
    }
    context.show(&Explanation {
        about: text.to_owned(),
        requests,
        refused,
        shows_activity: arguments.all,
    })?;
    Ok(Exit::Ok)
}

fn nothing(text: &str) -> Error {
    let why = format!("the log has nothing of `{}`", crate::clean::clean(text));
    Error::new(
        Exit::NotFound,
        "explain it",
        why,
        "nexus events tail --since 0 --no-follow",
    )
}

impl Subject {
    fn concerns(&self, refused: &Refused) -> bool {
        let named = |part: &str| self.names.iter().any(|name| name == part);
        self.about == About::All && refused.path.split('/').any(named)
    }
}

/// Every cause in the log, resolved.
async fn verify(context: &Context, history: &History) -> Result<Exit> {
    let mut causes = Causes::bare();
    let all = history.entries(WHAT, &WHOLE, |entry| {
        causes.take(&entry);
        Ok(())
    });
    all.await?;
    let faults = causes.faults();
    let checked = Checked {
        events: causes.len() as u64,
        requests: causes.requests(About::All).len() as u64,
        faults,
    };
    context.show(&checked)?;
    Ok(match checked.faults.is_empty() {
        true => Exit::Ok,
        false => Exit::Failure,
    })
}

/// What was asked about, and what the log says of it.
#[derive(Debug, Serialize)]
struct Explanation {
    about: String,
    requests: Vec<Request>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
    #[serde(skip)]
    shows_activity: bool,
}

impl Show for Explanation {
    fn table(&self, screen: &Screen) -> String {
        let shown = |request: &&Request| self.shows_activity || !tree::is_activity(request);
        let hidden = self.requests.iter().filter(|one| !shown(one)).count();
        let mut text: String = self
            .requests
            .iter()
            .filter(shown)
            .map(|request| tree::draw(request, screen))
            .collect();
        text.extend(self.refused.iter().map(tree::refused));
        if hidden > 0 {
            text.push_str(&format!(
                "left out: observed use, {hidden} in all; see it with --all\n"
            ));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        let requests = self.requests.iter();
        requests.map(|one| one.correlation.to_string()).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.requests.iter().map(serde_json::to_string).collect()
    }
}

/// How the check went.
#[derive(Debug, Serialize)]
struct Checked {
    events: u64,
    requests: u64,
    faults: Vec<Fault>,
}

impl Show for Checked {
    fn table(&self, _screen: &Screen) -> String {
        let Self {
            events, requests, ..
        } = self;
        let mut text = match self.faults.is_empty() {
            true => {
                format!("{events} events follow from {requests} requests; every cause is there\n")
            }
            false => format!(
                "{events} events, {} without their cause\n",
                self.faults.len()
            ),
        };
        text.extend(self.faults.iter().map(|fault| {
            format!(
                "{:>8}  {}\n",
                fault.sequence,
                crate::clean::clean(&fault.fault)
            )
        }));
        text
    }

    fn names(&self) -> Vec<String> {
        let faults = self.faults.iter();
        faults.map(|fault| fault.sequence.to_string()).collect()
    }
}
