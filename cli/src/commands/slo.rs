//! `nexus slo`: how long each step takes.

use jiff::Timestamp;
use nexus_events::audit::durations::{Durations, Part as Of, StepTimes};
use serde::Serialize;

use crate::args::audit::Slo;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, WHOLE};
use crate::moment;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

pub(super) async fn run(context: &Context, arguments: &Slo) -> Result<Exit> {
    let since = match &arguments.since {
        Some(text) => Some(moment::parse(text, Timestamp::now()).map_err(wrong)?),
        None => None,
    };
    let history = History::of(context, arguments.source.file.as_ref())?;
    let mut durations = Durations::since(since);
    let read = history.entries("read the log", &WHOLE, |entry| {
        durations.take(&entry);
        Ok(())
    });
    read.await?;
    context.show(&Steps(durations.finish()))?;
    Ok(Exit::Ok)
}

fn wrong(why: String) -> Error {
    Error::new(Exit::Usage, "tell since when", why, "nexus slo --since 7d")
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Steps(Vec<StepTimes>);

impl Row for StepTimes {
    const HEADINGS: &'static [&'static str] = &[
        "PROVIDER", "PART", "NAME", "COUNT", "FAILED", "P50", "P99", "MAX",
    ];

    fn cells(&self) -> Vec<String> {
        let time = |milliseconds: Option<u64>| milliseconds.map_or(String::new(), duration::show);
        let part = match self.part {
            Of::Operation => "operation",
            Of::Step => "step",
        };
        vec![
            self.provider.to_string(),
            part.into(),
            self.name.clone(),
            self.count.to_string(),
            self.failures.to_string(),
            time(self.p50_ms),
            time(self.p99_ms),
            time(self.max_ms),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Show for Steps {
    fn table(&self, _screen: &Screen) -> String {
        table(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(Row::name).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.0.iter().map(serde_json::to_string).collect()
    }
}
