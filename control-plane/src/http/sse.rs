//! A tail of the log as server-sent events: `id` is the sequence, so a browser or `curl` that
//! comes back with `Last-Event-ID` goes on where it was. One that takes nothing is hung up on, so
//! that it costs a bounded buffer for a bounded time.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;

mod taking;

use super::listen::HangUp;
use super::sockets::Room;
use super::tail::{End, Tail, Told};
use taking::Taking;

/// How often a silent connection is shown to live.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The sequence a returning reader has seen, if it says so.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
}

/// The tail as an answer that ends only with it.
pub(crate) fn response(tail: Tail, room: Room, hang_up: Option<HangUp>) -> Response {
    let taking = Taking::watched(hang_up);
    let events = futures::stream::unfold(Some((tail, room, taking)), |open| async {
        let (mut tail, room, mut taking) = open?;
        taking.asked();
        let next = tail.next().await;
        taking.given();
        match next {
            Ok(told) => Some((written(&told), Some((tail, room, taking)))),
            Err(end) => Some((goodbye(&end), None)),
        }
    });
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response();
    // A proxy that buffers would hold events back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    response
}

fn written(told: &Told) -> Event {
    match told {
        Told::Event(event) => {
            let (id, kind) = (event.sequence.to_string(), &event.event_type);
            Event::default().id(id).event(kind).data(event.json())
        }
        Told::CaughtUp { sequence } => Event::default()
            .event("caught_up")
            .data(format!("{{\"sequence\":{sequence}}}")),
    }
}

fn goodbye(end: &End) -> Event {
    let data = serde_json::json!({ "reason": end.to_string(), "sequence": end.sequence() });
    Event::default().event("closed").data(data.to_string())
}
