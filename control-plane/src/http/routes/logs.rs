//! What steps and services say: from the log of outputs, not from the log of events.

use std::collections::VecDeque;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::{Stream, StreamExt as _, stream};
use nexus_events::id::OperationId;
use nexus_events::view::OutputView;
use nexus_events::workspace::Step;
use nexus_nats::logs::{LogReader, LogsError, StoredChunk};
use nexus_nats::{Follow, LogFilter, StepLogs};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::WORKSPACES;
use crate::http::{Api, ndjson};

/// The most lines `tail` keeps.
const MOST_LINES: usize = 10_000;

/// Which output.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Go on with what comes, until hung up on.
    #[serde(default)]
    follow: bool,
    /// Only that of one operation.
    #[param(value_type = Option<String>)]
    operation: Option<OperationId>,
    /// Only that of one step, such as `clone` or `service-web`.
    #[param(value_type = Option<String>)]
    step: Option<Step>,
    /// Only the last so many pieces of what there is.
    tail: Option<usize>,
    /// Only what came after the piece with this sequence.
    since: Option<u64>,
}

/// What the steps and services of a workspace said, a piece a line.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/logs", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Wanted),
    responses((
        status = 200, description = "The output, oldest first",
        body = OutputView, content_type = "application/x-ndjson",
    )),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    let workspace = api.workspace(&identity, &id).await?.id;
    if wanted.tail.is_some_and(|lines| lines > MOST_LINES) {
        let cause = format!("at most {MOST_LINES}");
        return Err(Refusal::invalid(
            "tail",
            cause,
            "leave it out for everything there is",
        ));
    }
    let logs = api.step_logs()?;
    let mut filter = LogFilter::of(workspace).after(wanted.since.unwrap_or(0));
    if let Some(operation) = wanted.operation {
        filter = filter.operation(operation);
    }
    if let Some(step) = wanted.step {
        filter = filter.step(step);
    }
    let follow = if wanted.follow {
        Follow::Yes
    } else {
        Follow::No
    };
    let pieces = match wanted.tail {
        Some(lines) => {
            let last = last_of(&logs, &filter, lines)
                .await
                .map_err(Refusal::log_unavailable)?;
            let after = last
                .back()
                .map_or(wanted.since.unwrap_or(0), |piece| piece.sequence);
            let more = wanted
                .follow
                .then(|| live(logs.read(filter.after(after), follow)));
            let more =
                more.map_or_else(|| stream::empty().right_stream(), |more| more.left_stream());
            stream::iter(last).chain(more).left_stream()
        }
        None => live(logs.read(filter, follow)).right_stream(),
    };
    Ok(ndjson::response(
        pieces
            .map(shown)
            .take_until(api.shutdown().clone().cancelled_owned()),
    ))
}

/// The last `lines` pieces the filter wants.
pub(in crate::http) async fn last_of(
    logs: &StepLogs,
    filter: &LogFilter,
    lines: usize,
) -> Result<VecDeque<StoredChunk>, LogsError> {
    let mut reader = logs.read(filter.clone(), Follow::No);
    let mut last = VecDeque::with_capacity(lines.min(1024));
    while let Some(piece) = reader.next().await? {
        last.push_back(piece);
        if last.len() > lines {
            last.pop_front();
        }
    }
    Ok(last)
}

fn live(reader: LogReader) -> impl Stream<Item = StoredChunk> + Send {
    stream::unfold(reader, |mut reader| async {
        match reader.next().await {
            Ok(piece) => piece.map(|piece| (piece, reader)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an output ends early"
                );
                None
            }
        }
    })
}

fn shown(StoredChunk { sequence, chunk }: StoredChunk) -> OutputView {
    OutputView {
        sequence,
        at: chunk.at,
        operation: chunk.operation,
        step: chunk.step,
        stream: chunk.stream,
        text: chunk.text,
    }
}
