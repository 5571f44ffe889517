//! `nexus incident export`: what happened around an event, without anything personal in it.

use nexus_events::audit::chain::Chain;
use nexus_events::audit::incident::{Redactor, Window};
use nexus_events::audit::line::{End, Head, Line};

use super::audit::told;
use crate::args::audit::{Incident, IncidentExport};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, Part};
use crate::sink::Sink;

const WHAT: &str = "export the incident";

pub(super) async fn run(context: &Context, command: &Incident) -> Result<Exit> {
    match command {
        Incident::Export(arguments) => export(context, arguments).await,
    }
}

async fn export(context: &Context, arguments: &IncidentExport) -> Result<Exit> {
    let history = History::of(context, arguments.source.file.as_ref())?;
    let mut window = Window::around(arguments.around, arguments.within);
    let part = Part {
        until: Some(window.last()),
        ..Part::default()
    };
    let looked = history.read(WHAT, &part, |_, line| {
        if let Line::Event(record) = line {
            window.look_at(&record);
        }
        Ok(())
    });
    let (head, _) = looked.await?;
    if arguments.around > head.last || arguments.around == 0 {
        let why = format!("events go from 1 to {}", head.last);
        let next = format!("nexus incident export --around {}", head.last);
        return Err(Error::new(Exit::NotFound, WHAT, why, next));
    }
    let mut sink = Sink::to(arguments.out.as_deref())?;
    sink.line(&Line::Log(Head {
        partial: true,
        redacted: true,
        host: "127.0.0.1".into(),
        last: window.last().min(head.last),
        ..head
    }))?;
    let (mut chain, mut redactor, mut events) = (Chain::default(), Redactor::default(), 0);
    let written = history.read(WHAT, &part, |_, line| {
        let Line::Event(record) = line else {
            return Ok(());
        };
        // What cannot be read cannot be redacted, and is left out.
        let (true, Ok(entry)) = (window.wants(&record), record.read()) else {
            return Ok(());
        };
        let mut record = redactor.redacted(entry);
        chain.seal(&mut record);
        events += 1;
        sink.line(&Line::Event(record))
    });
    written.await?;
    let end = End {
        events,
        refusals: 0,
        kept: None,
        head: Some(chain.head()),
    };
    sink.line(&Line::End(end.clone()))?;
    sink.finish()?;
    told(context, &end);
    Ok(Exit::Ok)
}
