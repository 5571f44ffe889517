//! `nexus audit verify`: nothing changed, nothing missing, every intent with its outcome.

use std::collections::VecDeque;

use nexus_events::audit::chain::{self, Link};
use nexus_events::audit::checks::{Checks, Fault, Report};
use nexus_events::audit::line::{End, Head, Line};

use crate::args::audit::Verify;
use crate::clean::clean;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::history::{History, Part};
use crate::render::{Show, facts};
use crate::screen::Screen;

const WHAT: &str = "verify the log";

pub(super) async fn run(context: &Context, arguments: &Verify) -> Result<Exit> {
    let history = History::of(context, arguments.file.as_ref())?;
    let in_file = arguments.file.is_some();
    let part = Part {
        refusals: true,
        ..Part::default()
    };
    let mut checks: Option<Checks> = None;
    let mut digests = VecDeque::new();
    let read = history.read(WHAT, &part, |head, line| {
        let checks = checks.get_or_insert_with(|| Checks::new(head.clone(), in_file));
        match line {
            Line::Event(record) => {
                checks.take(&record);
                if arguments.live {
                    digests.push_back((record.sequence, chain::digest(&record)));
                }
            }
            Line::Refused(refused) => checks.take_refused(&refused),
            Line::Kept(_) => checks.take_kept(),
            Line::Log(_) | Line::End(_) => {}
        }
        Ok(())
    });
    let (head, end) = match read.await {
        Ok((head, end)) => (head, Some(end)),
        // A file that was cut is looked at as far as it goes.
        Err(error) => match checks.take() {
            Some(checks) if in_file => return show(context, checks.finish(None)),
            Some(_) | None => return Err(error),
        },
    };
    let mut report = finished(checks, &head, in_file, end.as_ref());
    if let Some(wanted) = &arguments.head
        && *wanted != report.head
    {
        let fault = format!("the last hash is {}, not the one written down", report.head);
        let sequence = report.last;
        report.faults.push(Fault { sequence, fault });
    }
    if arguments.live {
        let server = History::Server(context.client()?);
        report.faults.extend(beside(&server, digests, &head).await?);
    }
    show(context, report)
}

fn finished(checks: Option<Checks>, head: &Head, in_file: bool, end: Option<&End>) -> Report {
    let checks = checks.unwrap_or_else(|| Checks::new(head.clone(), in_file));
    checks.finish(end)
}

fn show(context: &Context, report: Report) -> Result<Exit> {
    context.show(&report)?;
    Ok(match report.is_clean() {
        true => Exit::Ok,
        false => Exit::Failure,
    })
}

/// Every message of the file that is another one in the server's log, or not there.
async fn beside(
    server: &History,
    mut digests: VecDeque<(u64, Link)>,
    head: &Head,
) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let part = Part {
        until: Some(head.last),
        ..Part::default()
    };
    let read = server.read(WHAT, &part, |_, line| {
        let Line::Event(record) = line else {
            return Ok(());
        };
        while let Some((sequence, _)) = digests.front()
            && *sequence < record.sequence
        {
            let fault = "the server's log does not have it".to_owned();
            faults.push(Fault {
                sequence: *sequence,
                fault,
            });
            digests.pop_front();
        }
        match digests.front() {
            Some((sequence, digest)) if *sequence == record.sequence => {
                if *digest != chain::digest(&record) {
                    let fault = "the server's log has another message here".to_owned();
                    faults.push(Fault {
                        sequence: *sequence,
                        fault,
                    });
                }
                digests.pop_front();
            }
            Some(_) | None if !head.partial && record.sequence > head.after => {
                let fault = "the file does not have it".to_owned();
                faults.push(Fault {
                    sequence: record.sequence,
                    fault,
                });
            }
            Some(_) | None => {}
        }
        Ok(())
    });
    read.await?;
    faults.extend(digests.into_iter().map(|(sequence, _)| Fault {
        sequence,
        fault: "the server's log does not go on to it".into(),
    }));
    Ok(faults)
}

impl Show for Report {
    fn table(&self, _screen: &Screen) -> String {
        let operations = self.operations;
        let range = match self.events {
            0 => "none".into(),
            events => format!("{events}, from {} to {}", self.first, self.last),
        };
        let outcomes = format!(
            "{}: {} succeeded, {} failed, {} superseded, {} under way",
            operations.intents,
            operations.succeeded,
            operations.failed,
            operations.superseded,
            operations.in_flight
        );
        let verdict = match self.faults.len() as u64 + self.more_faults {
            0 => "whole".into(),
            count => format!("NOT whole: {count} faults"),
        };
        let mut text = facts(&[
            ("log", verdict),
            ("events", range),
            ("operations", outcomes),
            ("refusals", self.refusals.to_string()),
            ("last hash", self.head.clone()),
        ]);
        for fault in &self.faults {
            text.push_str(&format!("{:>8}  {}\n", fault.sequence, clean(&fault.fault)));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        let faults = self.faults.iter();
        faults.map(|fault| fault.sequence.to_string()).collect()
    }
}
