//! The log: page by page, as server-sent events, or over a WebSocket. The same events, the same
//! filters, the same place to go on from.

use axum::Extension;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse as _, Response};
use nexus_events::view::{EventView, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::listen::HangUp;
use crate::http::openapi::EVENTS;
use crate::http::reply::Fresh;
use crate::http::{Api, sse, ws};
use crate::queries::EventQuery;

/// Which events, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only events after this sequence; a tail without it begins with the first.
    after: Option<u64>,
    /// Where the page before ended.
    cursor: Option<u64>,
    /// Only those about this workspace: an id or a name.
    workspace: Option<String>,
    /// Only those of this kind of aggregate: workspace, user, node or claim.
    kind: Option<String>,
    /// Only those whose type matches; `*` is any text (`workspace.*`, `*.ready`).
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// How many a page holds at most (100 unless told, 500 at most); a tail has no end.
    limit: Option<usize>,
    /// At least this event must be in the page.
    min_seq: Option<u64>,
}

impl Wanted {
    fn query(self) -> EventQuery {
        EventQuery {
            after: self.cursor.or(self.after),
            workspace: self.workspace,
            kind: self.kind,
            event_type: self.event_type,
            limit: self.limit,
        }
    }
}

/// Events, oldest first: a page of JSON, or with `Accept: text/event-stream` a tail.
///
/// A tail tells what is stored, then `caught_up`, then what comes. Each event carries its sequence
/// as `id`; whoever comes back with it as `Last-Event-ID` misses nothing and gets nothing twice.
/// Who takes nothing for ten seconds while there is something is hung up on.
#[utoipa::path(
    get, path = "/api/v1/events", tag = EVENTS,
    params(
        Wanted,
        ("Last-Event-ID" = Option<u64>, Header, description = "Wins over `after` in a tail"),
    ),
    responses((
        status = 200, description = "A page, or a tail",
        content((Page<EventView> = "application/json"), (EventView = "text/event-stream")),
    )),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    hang_up: Option<Extension<HangUp>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    api.visible(wanted.min_seq).await?;
    let mut query = wanted.query();
    if !wants_stream(&headers) {
        let page = api.queries().events(&identity, &query)?;
        return Ok(Fresh::ok(page.sequence, page).into_response());
    }
    if let Some(seen) = sse::last_event_id(&headers) {
        query.after = Some(seen.parse().map_err(|_| {
            let cause = "it is no sequence of an event";
            Refusal::invalid(
                "Last-Event-ID",
                cause,
                "send the `id` of the last event you got",
            )
        })?);
    }
    let room = api.sockets().room(&identity, "nexus_sse_connections")?;
    let hang_up = hang_up.map(|Extension(hang_up)| hang_up);
    let tail = api.tail(&identity, &query)?;
    Ok(sse::response(tail, room, hang_up))
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("text/event-stream")
    })
}

/// A tail over a WebSocket: a text frame an event.
///
/// Who does not keep up is cut with close code 4008 and the reason `after=<sequence>: …`.
#[utoipa::path(
    get, path = "/api/v1/events/ws", tag = EVENTS, params(Wanted),
    responses(
        (status = 101, description = "Frames of this form follow", body = EventView),
    ),
)]
pub(crate) async fn follow(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(wanted): Query<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    api.visible(wanted.min_seq).await?;
    let query = wanted.query();
    let after = query.after.unwrap_or(0);
    let room = api.sockets().room(&identity, "nexus_ws_connections")?;
    let tail = api.tail(&identity, &query)?;
    let upgrade = upgrade
        .read_buffer_size(ws::READ)
        .max_message_size(ws::MOST_INCOMING)
        .max_frame_size(ws::MOST_INCOMING);
    Ok(upgrade.on_upgrade(async move |socket| {
        ws::serve(socket, tail, after).await;
        drop(room);
    }))
}
