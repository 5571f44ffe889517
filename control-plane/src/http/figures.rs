//! How many requests were answered and how long that took, by method, route and status.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram};

/// The figures that were noted before, by route: the recorder takes longer to find one than a
/// request may have.
static KNOWN: RwLock<Option<HashMap<String, Vec<Figure>>>> = RwLock::new(None);

/// The figures of one kind of answer.
struct Figure {
    method: &'static str,
    status: StatusCode,
    requests: Counter,
    seconds: Histogram,
}

impl Figure {
    fn of(method: &'static str, route: &str, status: StatusCode) -> Self {
        let route = route.to_owned();
        Self {
            method,
            status,
            requests: metrics::counter!(
                "nexus_http_requests_total",
                "method" => method, "route" => route.clone(), "status" => status.as_u16().to_string()
            ),
            seconds: metrics::histogram!(
                "nexus_http_request_duration_seconds", "method" => method, "route" => route
            ),
        }
    }

    fn note(&self, took: Duration) {
        self.requests.increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}

/// Notes an answer. `route` is a route's pattern and never a path, which could hold an id.
pub(super) fn note(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let method = known(method);
    let is_it = |figure: &&Figure| figure.method == method && figure.status == status;
    {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let figures = known.as_ref().and_then(|known| known.get(route));
        if let Some(figure) = figures.and_then(|figures| figures.iter().find(is_it)) {
            return figure.note(took);
        }
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let figures = known.get_or_insert_default().entry(route.to_owned());
    let figures = figures.or_default();
    // Somebody else may have come first.
    if !figures.iter().any(|figure| is_it(&figure)) {
        figures.push(Figure::of(method, route, status));
    }
    figures
        .iter()
        .filter(is_it)
        .for_each(|figure| figure.note(took));
}

/// A method of HTTP; what a stranger makes up is no label.
fn known(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::HEAD, "HEAD"),
        (&Method::POST, "POST"),
        (&Method::PUT, "PUT"),
        (&Method::PATCH, "PATCH"),
        (&Method::DELETE, "DELETE"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    let found = KNOWN.iter().find(|(known, _)| *known == method);
    found.map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_is_no_label() {
        assert_eq!(known(&Method::DELETE), "DELETE");
        assert_eq!(known(&"get".parse().unwrap()), "other");
        assert_eq!(known(&"X-1234".parse().unwrap()), "other");
    }
}
