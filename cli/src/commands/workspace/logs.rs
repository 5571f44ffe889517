//! `nexus workspace logs`: what steps and services have said.

use std::collections::BTreeMap;

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
    out::data(&printer.rest())?;
    Ok(Exit::Ok)
}

/// Prints output as lines that say which step they are of. Pieces come as they were read, so a
/// line may be spread over several; it is printed once it is whole.
struct Printer {
    output: Output,
    partial: BTreeMap<String, String>,
}

impl Printer {
    const fn new(output: Output) -> Self {
        Self {
            output,
            partial: BTreeMap::new(),
        }
    }

    fn text(&mut self, piece: &OutputView) -> String {
        match self.output {
            Output::Table | Output::Name => self.lines(piece),
            Output::Json | Output::Ndjson | Output::Yaml => {
                serde_json::to_string(piece).expect("output is plain data") + "\n"
            }
        }
    }

    fn lines(&mut self, piece: &OutputView) -> String {
        let step = piece.step.to_string();
        let partial = self.partial.entry(step.clone()).or_default();
        partial.push_str(&piece.text);
        let whole = partial.rfind('\n').map_or(0, |end| end + 1);
        let rest = partial.split_off(whole);
        let ready = std::mem::replace(partial, rest);
        ready.lines().map(|text| line(&step, text)).collect()
    }

    /// Lines that never got their end.
    fn rest(self) -> String {
        let rest = self.partial.iter().filter(|(_, text)| !text.is_empty());
        rest.map(|(step, text)| line(step, text)).collect()
    }
}

/// One line, as a terminal would show it in the end: progress bars draw over themselves.
fn line(step: &str, text: &str) -> String {
    let last = text.rsplit('\r').find(|part| !part.is_empty());
    let text = clean_lines(last.unwrap_or_default());
    format!("{}\n", format!("{step:12} {text}").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(step: &str, text: &str) -> OutputView {
        serde_json::from_value(serde_json::json!({
            "sequence": 1, "at": "2026-11-21T04:00:01Z", "step": step, "stream": "stdout",
            "operation": "op-00000000000000000000000000000003", "text": text
        }))
        .expect("the sample is an output")
    }

    #[test]
    fn lines_cut_into_pieces_come_out_whole_and_steps_do_not_mix() {
        let mut printer = Printer::new(Output::Table);
        let mut seen = String::new();
        for (step, text) in [
            ("clone", "Receiving:  10%\rReceiving: 100%\r"),
            ("service-web", "liste"),
            ("clone", ", done.\nthe end"),
            ("service-web", "ning\n\u{1b}[2J"),
        ] {
            seen.push_str(&printer.text(&piece(step, text)));
        }
        seen.push_str(&printer.rest());
        assert_eq!(
            seen,
            "clone        , done.\nservice-web  listening\nclone        the end\nservice-web\n"
        );
    }
}
