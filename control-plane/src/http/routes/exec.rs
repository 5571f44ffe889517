//! A command run inside a workspace, its output as it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::{StreamExt as _, stream};
use nexus_events::failure::Failure;
use nexus_events::id::{ExecId, NodeId};
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::work::{Bytes, ExecExit, ExecFrame, ExecRequest};
use nexus_nats::exec::{ExecCallError, ExecReplies};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::openapi::WORKSPACES;
use crate::http::{Api, ndjson};

/// How long the answer's head waits for a first frame, so that a node that is away answers as a
/// refusal and not as a line.
const FIRST_FRAME: Duration = Duration::from_millis(500);
/// Frames read ahead of the caller.
const AHEAD: usize = 4;
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
    let (workspace, node) = api.running(&identity, &id).await?;
    let request = ExecRequest {
        id: ExecId::from_uuid(uuid::Uuid::now_v7()),
        workspace,
        argv: exec.argv,
        environment: exec.env,
        directory: exec.cwd,
        stdin: exec.stdin,
        timeout_seconds: exec.timeout_seconds.unwrap_or(TIMEOUT.0),
    };
    let replies = api
        .execs()?
        .call(node, &request)
        .await
        .map_err(|error| lost(node, &error))?;
    let mut lines = pumped(node, replies);
    let first = match tokio::time::timeout(FIRST_FRAME, lines.recv()).await {
        Ok(Some(Err(refusal))) => return Err(refusal),
        Ok(first) => first,
        Err(_) => None,
    };
    let rest = stream::unfold(lines, |mut lines| async {
        lines.recv().await.map(|line| (line, lines))
    });
    let lines = stream::iter(first).chain(rest).map(told);
    Ok(ndjson::response(
        lines.take_until(api.shutdown().clone().cancelled_owned()),
    ))
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

/// Reads frames as fast as the caller takes them, and stops with the caller.
fn pumped(node: NodeId, mut replies: ExecReplies) -> mpsc::Receiver<Result<ExecFrame, Refusal>> {
    let (lines, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                () = lines.closed() => return,
                next = replies.next() => next,
            };
            let line = match next {
                Ok(Some(frame)) => Ok(frame),
                Ok(None) => return,
                Err(error) => Err(lost(node, &error)),
            };
            let last = line.is_err();
            if lines.send(line).await.is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn told(frame: Result<ExecFrame, Refusal>) -> Line {
    match frame {
        Ok(ExecFrame::Stdout(bytes)) => Line::Stdout(bytes),
        Ok(ExecFrame::Stderr(bytes)) => Line::Stderr(bytes),
        Ok(ExecFrame::Exit(exit)) => Line::Exit(exit),
        Ok(ExecFrame::Failed(failure)) => Line::Error(Box::new(failed(failure))),
        Err(refusal) => Line::Error(Box::new(refusal.problem().clone())),
    }
}

fn failed(failure: Failure) -> Problem {
    Problem::new(ProblemCode::ProcessError, failure.cause, failure.hint)
}

fn lost(node: NodeId, error: &ExecCallError) -> Refusal {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a command in a workspace"
    );
    Refusal::new(
        ProblemCode::NotRunning,
        format!("node {node}, which holds the workspace, does not answer: {error}"),
        "see how the node fares with `nexus node list`, then try again",
    )
    .naming("node", error.to_string())
}
