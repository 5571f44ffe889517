//! Following one request: its trace id (W3C trace context), its line in the log, its figures.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use tracing::Span;

use super::figures;

/// The response header that carries the trace id.
pub(crate) const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");

/// Characters of a `traceparent`.
const LENGTH: usize = 55;

/// Which trace a request belongs to (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    /// `00-<32 digits>-<16 digits>-<2 digits>`, with a span of ours.
    traceparent: [u8; LENGTH],
}

impl Trace {
    /// The caller's trace where the headers name a valid one, else a new one; our own span in it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(trace_id_in);
        let mut traceparent = *b"00-________________________________-________________-01";
        match given {
            Some((trace_id, flags)) => {
                traceparent[3..35].copy_from_slice(trace_id.as_bytes());
                traceparent[53..].copy_from_slice(flags.as_bytes());
            }
            None => write_digits(&mut traceparent[3..35], rand::random_range(1..=u128::MAX)),
        }
        let span = rand::random_range(1..=u64::MAX);
        write_digits(&mut traceparent[36..52], span.into());
        Self { traceparent }
    }

    /// The 32 hexadecimal digits that name the trace.
    pub(crate) fn trace_id(&self) -> &str {
        &self.traceparent()[3..35]
    }

    /// The header value that hands the trace on.
    pub(crate) fn traceparent(&self) -> &str {
        std::str::from_utf8(&self.traceparent).unwrap_or_default()
    }
}

/// Fills `room` with the last hexadecimal digits of `number`.
fn write_digits(room: &mut [u8], mut number: u128) {
    for place in room.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
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

/// A request on its way.
pub(crate) struct Followed {
    trace: Trace,
    method: Method,
    route: Option<MatchedPath>,
    span: Span,
    begun: Instant,
}

impl Followed {
    /// Gives a request its trace.
    pub(crate) fn begin(request: &mut Request) -> Self {
        let trace = Trace::of(request.headers());
        let method = request.method().clone();
        let route = request.extensions().get::<MatchedPath>().cloned();
        request.extensions_mut().insert(trace);
        let span = tracing::info_span!(
            "request",
            trace_id = trace.trace_id(),
            %method,
            route = pattern(route.as_ref())
        );
        Self {
            trace,
            method,
            route,
            span,
            begun: Instant::now(),
        }
    }

    /// Its trace.
    pub(crate) const fn trace(&self) -> Trace {
        self.trace
    }

    /// What lines in the log about it are in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Counts and times its answer, and says in it which trace it belongs to.
    pub(crate) fn end(self, mut response: Response) -> Response {
        let (status, took) = (response.status(), self.begun.elapsed());
        let (code, seconds) = (status.as_u16(), took.as_secs_f64());
        self.span
            .in_scope(|| tracing::debug!(status = code, seconds, "answered"));
        figures::note(&self.method, pattern(self.route.as_ref()), status, took);
        if let Ok(value) = HeaderValue::from_str(self.trace.trace_id()) {
            response.headers_mut().insert(TRACE_HEADER, value);
        }
        response
    }
}

/// The route's pattern, never the path: an id is no label.
fn pattern(route: Option<&MatchedPath>) -> &str {
    route.map_or("unknown", MatchedPath::as_str)
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
