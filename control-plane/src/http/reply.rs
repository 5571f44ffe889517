//! What routes answer with: a body, and how fresh it is.

use axum::Json;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use nexus_events::view::Accepted;
use serde::Serialize;

/// The response header that says which event an answer reflects.
pub(crate) const SEQUENCE_HEADER: HeaderName = HeaderName::from_static("x-nexus-sequence");

/// A reply that says how fresh it is.
#[derive(Debug, Clone)]
pub(crate) struct Fresh<T> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The newest event it reflects.
    pub sequence: u64,
    /// The body.
    pub body: T,
}

impl<T> Fresh<T> {
    /// 200, reflecting the log up to `sequence`.
    pub(crate) const fn ok(sequence: u64, body: T) -> Self {
        Self {
            status: StatusCode::OK,
            sequence,
            body,
        }
    }

    /// The same with another status.
    #[must_use]
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl<T: Serialize> IntoResponse for Fresh<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        set_sequence(&mut response, self.sequence);
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// 200 with JSON that was written before, reflecting the log up to `sequence`.
pub(crate) fn written(sequence: u64, json: Bytes) -> Response {
    let mut response = Response::new(Body::from(json));
    set_sequence(&mut response, sequence);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Says which event an answer reflects.
pub(crate) fn set_sequence(response: &mut Response, sequence: u64) {
    response
        .headers_mut()
        .insert(SEQUENCE_HEADER, HeaderValue::from(sequence));
}

/// An answer that does not say which event it reflects reflects at least `sequence`, which was
/// projected before it was begun.
pub(crate) fn say_sequence(response: &mut Response, sequence: u64) {
    if !response.headers().contains_key(SEQUENCE_HEADER) {
        set_sequence(response, sequence);
    }
}

/// 202 and where to follow the operation, or 200 where nothing was to be done.
pub(crate) fn accepted(accepted: Accepted) -> Response {
    let status = if accepted.operation.is_some() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let location = accepted
        .operation
        .map(|id| format!("/api/v1/operations/{id}"));
    let mut response = Fresh::ok(accepted.sequence, accepted)
        .with_status(status)
        .into_response();
    if let Some(value) = location.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}
