//! A command run inside a workspace, its output as it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::{StreamExt as _, stream};
use nexus_events::failure::Failure;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::work::{Bytes, ExecExit, ExecFrame};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gateway::Command;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::openapi::WORKSPACES;
use crate::http::{Api, ndjson};

/// How long a command may run, in seconds: unless said otherwise, and at most.
const TIMEOUT: (u32, u32) = (3600, 24 * 3600);
/// The most arguments and variables together.
const MOST_WORDS: usize = 1000;

/// A command to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    /// The program and its arguments, as they are: no shell is put between.
    argv: Vec<String>,
    /// Variables on top of the workspace's own.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The directory; absent: where the repository is.
    cwd: Option<String>,
    /// What it reads from its standard input, in base64.
    #[serde(default)]
    #[schema(value_type = String)]
    stdin: Bytes,
    /// Seconds after which it is killed; absent: an hour.
    timeout_seconds: Option<u32>,
}

/// One line of the answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Bytes of its standard output, in base64.
    #[schema(value_type = String)]
    Stdout(Bytes),
    /// Bytes of its standard error, in base64.
    #[schema(value_type = String)]
    Stderr(Bytes),
    /// It ended; the last line.
    Exit(ExecExit),
    /// It could not be run, or its end is not known; the last line.
    Error(Box<Problem>),
}

/// Run a command in a workspace. It ends when the caller hangs up.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/exec", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    request_body = Exec,
    responses((
        status = 200, description = "Its output as it comes, and its end as the last line",
        body = Line, content_type = "application/x-ndjson",
    )),
)]
pub(crate) async fn run(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Body(exec): Body<Exec>,
) -> Answer<Response> {
    exec.check()?;
    let view = api.workspace(&identity, &id).await?;
    let seconds = exec.timeout_seconds.unwrap_or(TIMEOUT.0);
    let command = Command {
        argv: exec.argv,
        environment: exec.env,
        directory: exec.cwd,
        stdin: exec.stdin.0,
        limit: Duration::from_secs(seconds.into()),
    };
    let running = api.app().gateway().run(&view, command).await?;
    let standing = api.standing(&identity);
    let lines = stream::unfold(running, |mut running| async {
        running.next().await.map(|frame| (told(frame), running))
    });
    // Whoever loses access is a caller that hung up.
    let gone = api.shutdown().child_token();
    let watch = standing.watch(gone.clone());
    let until = async move {
        let _watch = watch;
        gone.cancelled_owned().await;
    };
    Ok(ndjson::response(lines.take_until(Box::pin(until))))
}

impl Exec {
    fn check(&self) -> Result<(), Refusal> {
        let words = self
            .argv
            .iter()
            .chain(self.env.keys())
            .chain(self.env.values());
        let wrong = if self.argv.first().is_none_or(String::is_empty) {
            Some(("argv", "it names no program"))
        } else if self.argv.len() + self.env.len() > MOST_WORDS {
            Some(("argv", "at most 1000 arguments and variables"))
        } else if words.chain(&self.cwd).any(|word| word.contains('\0')) {
            Some(("argv", "no argument, variable or directory may hold a NUL"))
        } else if self
            .env
            .keys()
            .any(|name| name.is_empty() || name.contains('='))
        {
            Some(("env", "a variable's name is not empty and holds no `=`"))
        } else if self
            .timeout_seconds
            .is_some_and(|wait| !(1..=TIMEOUT.1).contains(&wait))
        {
            Some(("timeout_seconds", "1 to 86400 seconds"))
        } else {
            None
        };
        let hint = "give the program and its arguments as a list, such as [\"npm\", \"test\"]";
        wrong.map_or(Ok(()), |(field, cause)| {
            Err(Refusal::invalid(field, cause, hint))
        })
    }
}

fn told(frame: ExecFrame) -> Line {
    match frame {
        ExecFrame::Stdout(bytes) => Line::Stdout(bytes),
        ExecFrame::Stderr(bytes) => Line::Stderr(bytes),
        ExecFrame::Exit(exit) => Line::Exit(exit),
        ExecFrame::Failed(failure) => Line::Error(Box::new(failed(failure))),
    }
}

fn failed(failure: Failure) -> Problem {
    Problem::new(ProblemCode::ProcessError, failure.cause, failure.hint)
}
