//! `nexus parked`: messages nobody could work on.

use jiff::Timestamp;
use nexus_events::view::Page;
use serde::{Deserialize, Serialize};

use super::workspace::all_pages;
use crate::args::parked::{Act, Parked};
use crate::clean::clean_lines;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::render::{Row, Show, facts};
use crate::screen::Screen;

const PATH: &str = "/api/v1/parked";

pub(super) async fn run(context: &Context, command: &Parked) -> Result<Exit> {
    match command {
        Parked::List => {
            let parked = all(&context.client()?).await?;
            if parked.items.is_empty() {
                context.say("nothing is parked");
            }
            context.show(&parked)?;
        }
        Parked::Show(which) => {
            let parked = all(&context.client()?).await?;
            let mut items = parked.items.into_iter();
            let found = items.find(|message| message.sequence == which.number);
            context.show(&Whole(found.ok_or_else(|| none(which.number))?))?;
        }
        Parked::Retry(act) => perform(context, *act, "retry").await?,
        Parked::Discard(act) => perform(context, *act, "discard").await?,
    }
    Ok(Exit::Ok)
}

async fn all(client: &Client) -> Result<Page<Message>> {
    all_pages(client, &Request::get("list what is parked", PATH)).await
}

async fn perform(context: &Context, act: Act, verb: &str) -> Result<()> {
    let number = act.which.number;
    let what = format!("{verb} parked message {number}");
    let request = Request::post(what, format!("{PATH}/{number}/{verb}"));
    if act.change.dry_run {
        return context.show_request(&request);
    }
    context.client()?.perform(&request).await?;
    context.say(match verb {
        "retry" => "it is queued again: nexus operation list --state in_flight",
        _ => "it is gone",
    });
    Ok(())
}

fn none(number: u64) -> Error {
    let what = format!("show parked message {number}");
    Error::new(
        Exit::NotFound,
        what,
        "there is none of that number",
        "nexus parked list",
    )
}

/// A message that was set aside.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    sequence: u64,
    subject: String,
    reason: String,
    attempts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    payload: String,
}

impl Row for Message {
    const HEADINGS: &'static [&'static str] = &["NUMBER", "PARKED", "TRIED", "SUBJECT", "REASON"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.sequence.to_string(),
            self.at.map_or(String::new(), |at| format!("{at:.0}")),
            self.attempts.to_string(),
            self.subject.clone(),
            self.reason.clone(),
        ]
    }

    fn name(&self) -> String {
        self.sequence.to_string()
    }
}

/// The same with what it carries.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Whole(Message);

impl Show for Whole {
    fn table(&self, _screen: &Screen) -> String {
        let cells = self.0.cells();
        let names = ["number", "parked", "tried", "subject", "reason"];
        let known: Vec<(&str, String)> = names.into_iter().zip(cells).collect();
        format!("{}\n{}\n", facts(&known), clean_lines(&self.0.payload))
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.name()]
    }
}
