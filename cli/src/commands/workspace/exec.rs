//! `nexus workspace exec`: a program inside, with its streams kept apart and its exit code.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};

use nexus_events::problem::Problem;
use nexus_events::work::{Bytes, ExecExit};
use serde::{Deserialize, Serialize};

use super::pointing_to_list;
use crate::args::workspace::Exec;
use crate::clean::Filter;
use crate::client::{Lines, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::{out, source};

/// What the server is sent.
#[derive(Debug, Serialize)]
struct Body<'a> {
    argv: &'a [String],
    env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<Bytes>,
}

/// What the server sends, one a line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Stdout(Bytes),
    Stderr(Bytes),
    Exit(ExecExit),
    Error(Box<Problem>),
}

pub(super) async fn run(context: &Context, arguments: &Exec) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let what = format!("run `{}` in workspace {name}", arguments.command.join(" "));
    let body = Body {
        argv: &arguments.command,
        env: source::variables(&arguments.environment)?,
        cwd: arguments.cwd.as_deref(),
        stdin: stdin(arguments.stdin)?,
    };
    let request = Request::post(&what, workspace_path(&name, "/exec"))
        .accept("application/x-ndjson")
        .json(&body);
    let response = context.client()?.stream(&request).await;
    let mut frames = Lines::new(&what, response.map_err(pointing_to_list)?);
    let mut output = Output::new();
    while let Some(frame) = frames.next::<Frame>().await? {
        match frame {
            Frame::Stdout(Bytes(bytes)) => output.stdout(&bytes)?,
            Frame::Stderr(Bytes(bytes)) => output.stderr(&bytes)?,
            Frame::Exit(exit) => return Ok(Exit::Remote(shell_code(exit))),
            Frame::Error(problem) => return Err(Error::refused(what, &problem)),
        }
    }
    let why = "the server ended the reply before the program had ended";
    let next = format!("nexus workspace status {name}");
    Err(Error::new(Exit::Unreachable, what, why, next))
}

/// The code a shell gives a program that ended so.
pub(super) fn shell_code(exit: ExecExit) -> u8 {
    match exit {
        ExecExit::Code(code) => (code & 0xff) as u8,
        ExecExit::Signal(signal) => 128u8.wrapping_add((signal & 0x7f) as u8),
    }
}

/// Everything on standard input, if it is wanted.
fn stdin(wanted: bool) -> Result<Option<Bytes>> {
    if !wanted {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Error::new(
                Exit::Failure,
                "read standard input",
                error,
                "leave out --stdin",
            )
        })?;
    Ok(Some(Bytes(bytes)))
}

/// The program's streams: untouched into files and pipes; on a terminal without anything that
/// would act on it, colours apart.
struct Output {
    stdout: Option<Filter>,
    stderr: Option<Filter>,
}

impl Output {
    fn new() -> Self {
        let filter = |terminal: bool| terminal.then(Filter::keeping_colour);
        Self {
            stdout: filter(std::io::stdout().is_terminal()),
            stderr: filter(std::io::stderr().is_terminal()),
        }
    }

    fn stdout(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stdout {
            Some(filter) => out::data(&filter.bytes(bytes)),
            None => out::bytes(bytes),
        }
    }

    fn stderr(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stderr {
            Some(filter) => out::error_bytes(filter.bytes(bytes).as_bytes()),
            None => out::error_bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_become_what_a_shell_shows() {
        for (exit, code) in [
            (ExecExit::Code(0), 0),
            (ExecExit::Code(255), 255),
            (ExecExit::Signal(9), 137),
            (ExecExit::Signal(15), 143),
        ] {
            assert_eq!(shell_code(exit), code, "{exit:?}");
        }
    }

    #[test]
    fn every_frame_of_the_server_is_read() {
        for line in [
            r#"{"stdout":"aGk="}"#,
            r#"{"stderr":"aGk="}"#,
            r#"{"exit":{"code":3}}"#,
            r#"{"exit":{"signal":9}}"#,
        ] {
            serde_json::from_str::<Frame>(line).expect(line);
        }
    }
}
