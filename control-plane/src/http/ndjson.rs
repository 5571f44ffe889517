//! Answers that come line by line, one JSON value each (`application/x-ndjson`).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::Serialize;

/// The content type.
pub(crate) const CONTENT: &str = "application/x-ndjson";

/// An answer that is written as its lines come. The caller sets the pace: nothing is read ahead.
pub(crate) fn response<T: Serialize>(lines: impl Stream<Item = T> + Send + 'static) -> Response {
    let body =
        Body::from_stream(lines.map(|line| Ok::<_, std::convert::Infallible>(written(&line))));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn written(line: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
