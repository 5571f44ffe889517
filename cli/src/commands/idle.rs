//! `nexus idle why`: what keeps a workspace up, and whether its stops would be decided again.

use jiff::Timestamp;
use nexus_events::audit::idle::{Ledger, Reader, word};
use nexus_events::id::WorkspaceId;

use super::why::workspace_of;
use crate::args::audit::{Idle, IdleWhy};
use crate::clean::clean;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, Part};
use crate::render::{Show, facts};
use crate::screen::Screen;

pub(super) async fn run(context: &Context, command: &Idle) -> Result<Exit> {
    match command {
        Idle::Why(arguments) => why(context, arguments).await,
    }
}

async fn why(context: &Context, arguments: &IdleWhy) -> Result<Exit> {
    let name = context.workspace(arguments.name.as_deref())?;
    let history = History::of(context, arguments.source.file.as_ref())?;
    let found = workspace_of(&history, &name).await?;
    let workspace: WorkspaceId = found
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| none(&name))?;
    let part = Part {
        workspace: Some(workspace.to_string()),
        ..Part::default()
    };
    let mut reader = Reader::of(workspace);
    let read = history.entries("read the log", &part, |entry| {
        reader.take(&entry);
        Ok(())
    });
    read.await?;
    let ledger = reader.finish(Timestamp::now()).ok_or_else(|| none(&name))?;
    context.show(&ledger)?;
    let same = ledger.decisions.iter().all(|decision| decision.identical);
    Ok(match same {
        true => Exit::Ok,
        false => Exit::Failure,
    })
}

fn none(name: &str) -> Error {
    let what = format!("read the idle ledger of {}", clean(name));
    let why = "the log has no such workspace";
    Error::new(Exit::NotFound, what, why, "nexus workspace list")
}

impl Show for Ledger {
    fn table(&self, _screen: &Screen) -> String {
        let policy = match self.after_seconds {
            Some(seconds) => duration::show(u64::from(seconds) * 1_000),
            None => "never stopped by itself".into(),
        };
        let last = self.last.as_ref().map_or(String::new(), |line| {
            format!("{} ({:.0}, event {})", line.what, line.at, line.sequence)
        });
        let mut text = facts(&[
            ("workspace", self.name.to_string()),
            ("phase", self.phase.as_str().to_owned()),
            ("idle after", policy),
            ("last", last),
            ("stops at", time(self.stops_at)),
            ("now", self.verdict.clone()),
        ]);
        for (source, at) in &self.activity {
            text.push_str(&format!("  used by {:10} {at:.0}\n", word(*source)));
        }
        for (name, hold) in &self.holds {
            let reason = hold
                .reason
                .as_ref()
                .map_or(String::new(), ToString::to_string);
            let until = match hold.until {
                Some(until) => format!("until {until:.0}"),
                None => "until released".into(),
            };
            text.push_str(&format!(
                "  held by {:10} {until}  {}\n",
                name.as_str(),
                clean(&reason)
            ));
        }
        for decision in &self.decisions {
            let same = match decision.identical {
                true => "decided again: the same",
                false => "decided again: NOT the same",
            };
            text.push_str(&format!(
                "  stopped {:.0}  event {}, after {} unused; {same}\n",
                decision.at,
                decision.sequence,
                duration::show(u64::from(decision.after_seconds) * 1_000)
            ));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or(String::new(), |at| format!("{at:.0}"))
}
