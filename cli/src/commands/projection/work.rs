//! `nexus projection verify` and `upgrade`: the read models beside what the log leads to.

use nexus_events::view::{ProjectionWork, ProjectionWorkView, TableView};

use super::PATH;
use crate::args::projection::Upgrade;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

pub(super) async fn verify(context: &Context) -> Result<Exit> {
    let view = perform(&context.client()?, ProjectionWork::Verify).await?;
    compared(context, &view, "nexus projection rebuild")
}

/// The steps told, in their order; a comparison that finds a difference is the last one.
pub(super) async fn upgrade(context: &Context, steps: Upgrade) -> Result<Exit> {
    let client = context.client()?;
    if steps.finish {
        perform(&client, ProjectionWork::Forget).await?;
        context.say("the ones beside are forgotten; there is no way back any more");
        return Ok(Exit::Ok);
    }
    let all = !(steps.shadow || steps.compare || steps.switch || steps.rollback);
    if all || steps.shadow {
        perform(&client, ProjectionWork::Shadow).await?;
        context.say("made anew from the log; they follow beside the ones that answer");
    }
    if all || steps.compare {
        let view = perform(&client, ProjectionWork::Compare).await?;
        let next = "nexus projection upgrade --switch to take the new ones";
        let exit = compared(context, &view, next)?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    if all || steps.switch || steps.rollback {
        perform(&client, ProjectionWork::Switch).await?;
        context.say(match steps.rollback {
            true => "switched back; the others follow",
            false => {
                "switched; the old ones follow: nexus projection upgrade --rollback, or --finish"
            }
        });
    }
    Ok(Exit::Ok)
}

/// Asks until it is over; a long log takes longer than a request may.
async fn perform(client: &Client, work: ProjectionWork) -> Result<ProjectionWorkView> {
    let (word, what) = match work {
        ProjectionWork::Verify => ("verify", "verify the read models"),
        ProjectionWork::Shadow => ("shadow", "make read models beside the ones that answer"),
        ProjectionWork::Compare => ("compare", "compare the read models"),
        ProjectionWork::Switch => ("switch", "switch the read models"),
        ProjectionWork::Forget => ("forget", "forget the read models beside"),
    };
    let begin = Request::post(what, format!("{PATH}/{word}"));
    client.perform(&begin).await?;
    let ask = Request::get(what, format!("{PATH}/work")).query("wait", 50);
    let view = loop {
        let view: ProjectionWorkView = client.send(&ask).await?;
        if !view.running {
            break view;
        }
    };
    match &view.failed {
        Some(why) => {
            let next = "nexus projection upgrade --shadow";
            Err(Error::new(
                Exit::Failure,
                what,
                crate::clean::clean(why),
                next,
            ))
        }
        None => Ok(view),
    }
}

fn compared(context: &Context, view: &ProjectionWorkView, next: &str) -> Result<Exit> {
    context.show(view)?;
    let equal = view.tables.iter().all(|table| table.equal);
    if !equal {
        context.say(&format!("they differ: {next}"));
    }
    Ok(match equal {
        true => Exit::Ok,
        false => Exit::Failure,
    })
}

impl Row for TableView {
    const HEADINGS: &'static [&'static str] = &["TABLE", "ROWS", "EXPECTED", "EQUAL", "DIGEST"];

    fn cells(&self) -> Vec<String> {
        let equal = if self.equal { "yes" } else { "NO" };
        vec![
            self.name.clone(),
            self.rows.to_string(),
            self.expected_rows.to_string(),
            equal.into(),
            self.digest.chars().take(16).collect(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Show for ProjectionWorkView {
    fn table(&self, _screen: &Screen) -> String {
        let mut text = table(&self.tables);
        for one in &self.tables {
            for row in &one.different {
                let line = format!("{} {}: {}", one.name, row.key, row.how);
                text.push_str(&format!("{}\n", crate::clean::clean(&line)));
            }
        }
        text
    }

    fn names(&self) -> Vec<String> {
        let different = self.tables.iter().filter(|table| !table.equal);
        different.map(Row::name).collect()
    }
}
