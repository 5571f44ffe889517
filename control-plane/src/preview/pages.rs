//! What the preview says itself, where no service does: a page to people, a problem to programs.

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use nexus_events::problem::{self, Problem, ProblemCode};

use super::entry::EntryError;

/// No page of ours needs anything.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a request wants something to look at.
pub(super) fn wants_a_page(method: &Method, headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    method == Method::GET && accepts.is_some_and(|value| value.contains("text/html"))
}

/// A refusal, or a word about how it goes.
#[derive(Debug)]
pub(super) struct Said {
    problem: Box<Problem>,
    /// Seconds after which a page asks again.
    again: Option<u8>,
}

impl Said {
    /// Nobody knows who asks.
    pub(super) fn unknown() -> Self {
        Self::of(Problem::new(
            ProblemCode::AuthenticationError,
            "nobody has let you in here yet, or not any more",
            "open this preview from the dashboard, or by `nexus port open NAME PORT`",
        ))
    }

    /// Whether they were let in cannot be told.
    pub(super) fn unsure(error: &EntryError) -> Self {
        tracing::warn!(error = error as &dyn std::error::Error, "a browser waits");
        Self::of(Problem::new(
            ProblemCode::LogUnavailable,
            "whether somebody has let you in here cannot be told now",
            "load it again in a moment",
        ))
    }

    /// The page that asks is not one of the workspace's.
    pub(super) fn foreign() -> Self {
        Self::of(Problem::new(
            ProblemCode::Forbidden,
            "pages of other sites may not act here",
            "open the preview itself",
        ))
    }

    /// A preview is one site and no way to others.
    pub(super) fn no_tunnel() -> Self {
        Self::of(Problem::new(
            ProblemCode::MethodNotAllowed,
            "a preview opens no tunnels",
            "reach a port of the workspace by `nexus port forward NAME PORT`",
        ))
    }

    /// The workspace is on its way up.
    pub(super) fn starting(name: &str) -> Self {
        let mut problem = Problem::new(
            ProblemCode::NotRunning,
            format!("Starting {name}: this page comes back by itself"),
            "wait a moment",
        );
        problem.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        problem.title = format!("Starting {name}");
        problem.retryable = true;
        Self {
            problem: Box::new(problem),
            again: Some(1),
        }
    }

    /// Nothing of the service answers.
    pub(super) fn down(port: u16, cause: &str) -> Self {
        let problem = Problem::new(
            ProblemCode::ProcessError,
            format!("no service answers on port {port} of the workspace: {cause}"),
            "start it, or see what it says: `nexus workspace logs`",
        );
        Self {
            problem: Box::new(problem),
            again: Some(3),
        }
    }

    /// Any other refusal.
    pub(super) fn of(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            again: None,
        }
    }

    /// As `wanted`: a page, or a problem.
    pub(super) fn respond(self, page: bool) -> Response {
        let again = self.again.filter(|_| page);
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = if page {
            let body = html(&self.problem, again, "");
            with_type(body, "text/html; charset=utf-8")
        } else {
            let body = serde_json::to_string(&self.problem).unwrap_or_default();
            with_type(body, problem::CONTENT_TYPE)
        };
        *response.status_mut() = status;
        if self.problem.retryable {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A page of ours.
pub(super) fn html(problem: &Problem, again: Option<u8>, script: &str) -> String {
    let refresh = again.map_or_else(String::new, |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")
    });
    let (title, detail, hint) = (
        escaped(&problem.title),
        escaped(&problem.detail),
        escaped(&problem.hint),
    );
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{refresh}\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1><p id=\"said\" role=\"status\">{detail}</p><p>{hint}</p>\
         </main>{script}</body></html>"
    )
}

/// A body of ours, under the strictest policy.
pub(super) fn with_type(body: String, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_becomes_markup() {
        let problem = Problem::new(ProblemCode::NotFound, "<script>alert(1)</script>", "\"&");
        let page = html(&problem, None, "");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("&quot;&amp;"));
    }

    #[test]
    fn pages_are_for_whoever_looks() {
        let mut headers = HeaderMap::new();
        assert!(!wants_a_page(&Method::GET, &headers));
        headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*"));
        assert!(wants_a_page(&Method::GET, &headers));
        assert!(!wants_a_page(&Method::POST, &headers));
    }
}
