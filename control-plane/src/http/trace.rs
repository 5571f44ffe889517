//! Following one request: its trace id (W3C trace context), its line in the log, its figures.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

/// The response header that carries the trace id.
pub(crate) const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");

/// Which trace a request belongs to (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// `00-<32 digits>-<16 digits>-<2 digits>`, with a span of ours.
    traceparent: String,
}

impl Trace {
    /// The caller's trace where the headers name a valid one, else a new one; our own span in it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(trace_id_in);
        let span = format!("{:016x}", rand::random_range(1..=u64::MAX));
        let (trace_id, flags) = match given {
            Some((trace_id, flags)) => (trace_id.to_owned(), flags.to_owned()),
            None => (
                format!("{:032x}", rand::random_range(1..=u128::MAX)),
                "01".to_owned(),
            ),
        };
        Self {
            traceparent: format!("00-{trace_id}-{span}-{flags}"),
        }
    }

    /// The 32 hexadecimal digits that name the trace.
    pub(crate) fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// The header value that hands the trace on.
    pub(crate) fn traceparent(&self) -> &str {
        &self.traceparent
    }
}

/// Trace id and flags of a well-formed header (version 00 only).
fn trace_id_in(text: &str) -> Option<(&str, &str)> {
    let hexadecimal = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let named = |part: &str| part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let ["00", trace_id, span, flags] = parts[..] else {
        return None;
    };
    let valid = hexadecimal(trace_id, 32)
        && hexadecimal(span, 16)
        && hexadecimal(flags, 2)
        && named(trace_id)
        && named(span);
    valid.then_some((trace_id, flags))
}

/// The outermost layer: gives the request its trace, writes one line, counts and times it.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let trace = Trace::of(request.headers());
    let method = request.method().as_str().to_owned();
    // The route's pattern, never the path: an id is no label.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(trace.clone());
    let span = tracing::info_span!("request", trace_id = trace.trace_id(), %method, %route);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    span.in_scope(|| tracing::debug!(status, seconds, "answered"));
    let labels = [("method", method), ("route", route)];
    metrics::histogram!("nexus_http_request_duration_seconds", &labels).record(seconds);
    metrics::counter!(
        "nexus_http_requests_total",
        labels
            .into_iter()
            .chain([("status", status.to_string())])
            .collect::<Vec<_>>()
            .as_slice()
    )
    .increment(1);
    if let Ok(value) = HeaderValue::from_str(trace.trace_id()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(traceparent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", traceparent.parse().unwrap());
        headers
    }

    #[test]
    fn a_valid_trace_is_taken_over_with_a_span_of_our_own() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let trace = Trace::of(&with(given));
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert!(trace.traceparent().ends_with("-00"));
        assert_ne!(trace.traceparent(), given);
        assert_eq!(trace.traceparent().len(), given.len());
    }

    #[test]
    fn anything_else_begins_a_new_one() {
        for wrong in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            let trace = Trace::of(&with(wrong));
            assert_eq!(trace.trace_id().len(), 32);
            assert_ne!(
                trace.trace_id(),
                "0af7651916cd43dd8448eb211c80319c",
                "{wrong}"
            );
        }
    }
}
