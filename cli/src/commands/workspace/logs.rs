//! `nexus workspace logs`: what steps and services have said.

use nexus_events::view::OutputView;
use nexus_events::workspace::Step;

use super::pointing_to_list;
use crate::args::Output;
use crate::args::workspace::Logs;
use crate::clean::clean_lines;
use crate::client::{Lines, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::out;

pub(super) async fn run(context: &Context, arguments: &Logs) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    if let Some(step) = &arguments.step {
        step.parse::<Step>().map_err(|error| {
            let next = format!("nexus workspace status {name}");
            Error::new(Exit::Usage, "tell which step is meant", error, next)
        })?;
    }
    let what = format!("read the logs of workspace {name}");
    let request = Request::get(&what, workspace_path(&name, "/logs"))
        .maybe("follow", arguments.follow.then_some(true))
        .maybe("operation", arguments.operation.as_deref())
        .maybe("step", arguments.step.as_deref())
        .maybe("tail", arguments.tail)
        .maybe("since", arguments.since)
        .accept("application/x-ndjson");
    let response = context.client()?.stream(&request).await;
    let mut lines = Lines::new(what, response.map_err(pointing_to_list)?);
    let mut printer = Printer::new(context.output);
    while let Some(output) = lines.next::<OutputView>().await? {
        out::data(&printer.text(&output))?;
    }
    Ok(Exit::Ok)
}

/// Prints pieces of output as lines that say which step they are of.
struct Printer {
    output: Output,
}

impl Printer {
    const fn new(output: Output) -> Self {
        Self { output }
    }

    fn text(&mut self, piece: &OutputView) -> String {
        match self.output {
            Output::Table | Output::Name => {
                let step = piece.step.to_string();
                clean_lines(&piece.text)
                    .lines()
                    .map(|line| format!("{step:12} {line}").trim_end().to_owned() + "\n")
                    .collect()
            }
            Output::Json | Output::Ndjson | Output::Yaml => {
                serde_json::to_string(piece).expect("output is plain data") + "\n"
            }
        }
    }
}
