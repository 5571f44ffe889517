//! `nexus audit export`: the log with hash chains over it, in a file.

use std::path::Path;

use nexus_events::audit::chain::Chain;
use nexus_events::audit::line::{End, Line};

use super::super::workspace::find;
use crate::args::audit::Export;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::history::{History, Part};
use crate::sink::Sink;

pub(super) async fn run(context: &Context, arguments: &Export) -> Result<Exit> {
    let client = context.client()?;
    let workspace = match &arguments.workspace {
        Some(name) => Some(find(&client, name, None).await?.id.to_string()),
        None => None,
    };
    let part = Part {
        workspace,
        refusals: true,
        ..Part::default()
    };
    let history = History::Server(client);
    let end = write(&history, "export the log", &part, arguments.out.as_deref()).await?;
    told(context, &end);
    Ok(Exit::Ok)
}

/// Writes a part of the log with its chains; gives its end.
pub(in crate::commands) async fn write(
    history: &History,
    what: &str,
    part: &Part,
    path: Option<&Path>,
) -> Result<End> {
    let mut sink = Sink::to(path)?;
    let mut chain = Chain::default();
    let (mut begun, mut refusals) = (false, 0);
    let read = history.read(what, part, |head, line| {
        if !begun {
            begun = true;
            sink.line(&Line::Log(head.clone()))?;
        }
        sink.line(&match line {
            Line::Event(mut record) => {
                chain.seal(&mut record);
                Line::Event(record)
            }
            Line::Refused(mut refused) => {
                refusals += 1;
                chain.seal_refused(&mut refused);
                Line::Refused(refused)
            }
            other @ (Line::Log(_) | Line::Kept(_) | Line::End(_)) => other,
        })
    });
    let (head, end) = read.await?;
    if !begun {
        sink.line(&Line::Log(head))?;
    }
    let end = End {
        refusals,
        head: Some(chain.head()),
        ..end
    };
    sink.line(&Line::End(end.clone()))?;
    sink.finish()?;
    Ok(end)
}

/// What to write down elsewhere: a file that can be changed can be sealed again.
pub(in crate::commands) fn told(context: &Context, end: &End) {
    let head = end.head.as_deref().unwrap_or_default();
    context.say(&format!(
        "{} events, {} refusals; the last hash, to be written down elsewhere: {head}",
        end.events, end.refusals
    ));
}
