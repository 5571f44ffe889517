//! The log as lines, for audit, backup and replay.

use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt as _, stream};
use nexus_events::problem::ProblemCode;

use crate::export::ExportQuery;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
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
    check(&query)?;
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

/// A sequence past every event that can be is a slip of the pen.
fn check(query: &ExportQuery) -> Result<(), Refusal> {
    for (field, given) in [("after", query.after), ("until", query.until)] {
        if given.is_some_and(|given| i64::try_from(given).is_err()) {
            let cause = "no sequence is that large";
            let hint = "leave it out to be given everything: `curl …/api/v1/log`";
            let detail = format!("{field}: {cause}");
            let refusal = Refusal::new(ProblemCode::ValidationError, detail, hint);
            return Err(refusal.naming(field, cause));
        }
    }
    Ok(())
}
