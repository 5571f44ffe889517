//! `nexus what-if`: what another idle policy would have done on the recorded history.

use jiff::Timestamp;
use nexus_events::audit::what_if::{Row as Imagined, WhatIf};
use nexus_events::spec::IdlePolicy;
use serde::Serialize;

use crate::args::audit::WhatIf as Arguments;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, WHOLE};
use crate::moment;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit> {
    let policy = policy(&arguments.policy).map_err(|why| {
        let next = "nexus what-if --policy idle=5m";
        Error::new(Exit::Usage, "tell which policy is meant", why, next)
    })?;
    let (from, since) = beginning(arguments.from.as_deref()).map_err(|why| {
        let next = "nexus what-if --policy idle=5m --from 30d";
        Error::new(Exit::Usage, "tell from when on", why, next)
    })?;
    let history = History::of(context, arguments.source.file.as_ref())?;
    let mut what_if = WhatIf::new(policy, from, since);
    let read = history.entries("read the log", &WHOLE, |entry| {
        what_if.take(&entry);
        Ok(())
    });
    read.await?;
    context.show(&Rows(what_if.finish()))?;
    Ok(Exit::Ok)
}

/// `idle=5m` or `idle=never`.
fn policy(text: &str) -> std::result::Result<IdlePolicy, String> {
    let wrong = || format!("`{text}` is no policy: try `idle=5m` or `idle=never`");
    let value = text.strip_prefix("idle=").ok_or_else(wrong)?;
    if value == "never" {
        return Ok(IdlePolicy {
            after_seconds: None,
        });
    }
    let after = duration::parse(value)?.as_secs();
    let after = u32::try_from(after).ok().filter(|seconds| *seconds > 0);
    Ok(IdlePolicy {
        after_seconds: Some(after.ok_or_else(wrong)?),
    })
}

/// A sequence, a time, or so long ago; without one, the beginning.
fn beginning(text: Option<&str>) -> std::result::Result<(u64, Option<Timestamp>), String> {
    let Some(text) = text else {
        return Ok((0, None));
    };
    if let Ok(sequence) = text.parse::<u64>() {
        return Ok((sequence.saturating_sub(1), None));
    }
    Ok((0, Some(moment::parse(text, Timestamp::now())?)))
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(Vec<Imagined>);

impl Row for Imagined {
    const HEADINGS: &'static [&'static str] = &[
        "WORKSPACE",
        "STOPS",
        "FALSE",
        "UNCERTAIN",
        "RECORDED",
        "PUT OFF",
        "WOULD RUN",
        "RAN",
    ];

    fn cells(&self) -> Vec<String> {
        let effect = &self.effect;
        vec![
            self.name.to_string(),
            effect.stops.to_string(),
            effect.false_stops.to_string(),
            effect.uncertain.to_string(),
            effect.recorded_stops.to_string(),
            effect.stops_put_off.to_string(),
            duration::show(effect.seconds * 1_000),
            duration::show(effect.recorded_seconds * 1_000),
        ]
    }

    fn name(&self) -> String {
        self.name.to_string()
    }
}

impl Show for Rows {
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
