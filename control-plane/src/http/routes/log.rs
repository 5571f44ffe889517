//! The log as lines, for audit, backup and replay.

use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt as _, stream};

use crate::export::ExportQuery;
use crate::http::auth::Caller;
use crate::http::error::Answer;
use crate::http::extract::Query;
use crate::http::openapi::EVENTS;
use crate::http::{Api, ndjson};

/// The log, line by line: a head, each message, what was refused, an end.
///
/// An administrator is given every message of the stream, everybody else the events that concern
/// them. An answer without its `end` was cut.
#[utoipa::path(
    get, path = "/api/v1/log", tag = EVENTS, params(ExportQuery),
    responses((
        status = 200, description = "`log`, then `event` and `refused` lines, then `end`",
        body = serde_json::Value, content_type = "application/x-ndjson",
    )),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    api.visible(None).await?;
    let room = api.sockets().room(&identity, "nexus_log_exports")?;
    let standing = api.standing(&identity);
    let received = api.app().export(&identity, &query).await?;
    let lines = stream::unfold((received, room), |(mut received, room)| async move {
        let line = received.recv().await?;
        Some((line, (received, room)))
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
