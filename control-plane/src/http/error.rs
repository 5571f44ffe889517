//! How a refusal becomes a response: the one place where problems meet HTTP.
//!
//! A handler or a layer returns a [`Refusal`]. It travels in the extensions of an empty response
//! to [`render`], which knows the request's trace id and writes the body. What an
//! operator should know and a caller should not (the chain of causes of a fault of ours) stays
//! inside: it is logged under the trace id that the caller sees.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use nexus_events::problem::{self, FieldError, Problem, ProblemCode};

use super::facade::rpc;
use super::trace::Trace;
use crate::commands::CommandError;
use crate::gateway::ReachError;
use crate::queries::QueryError;

/// What a handler answers: something, or a refusal.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
    inside: Option<Arc<anyhow::Error>>,
}

impl Refusal {
    /// A refusal of `code`, with what is wrong this time and what to do about it.
    pub(crate) fn new(
        code: ProblemCode,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Problem::new(code, detail, hint).into()
    }

    /// A fault of ours: the caller learns its trace id, the log learns its causes.
    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        let refusal = Self::new(
            ProblemCode::InternalError,
            "the server failed to answer; its log says why, under the trace id",
            "try again; if it stays, report it with the trace id and `nexus doctor`",
        );
        Self {
            inside: Some(Arc::new(error.into())),
            ..refusal
        }
    }

    /// There is no `what` called `text` (or it is somebody else's, which is told from nothing).
    pub(crate) fn not_found(what: &str, text: &str) -> Self {
        let text: String = text.escape_debug().take(100).collect();
        let list = match what {
            "operation" => "nexus operation list",
            "node" => "nexus node list",
            _ => "nexus workspace list",
        };
        let detail = format!("there is no {what} `{text}`");
        Self::new(
            ProblemCode::NotFound,
            detail,
            format!("see which there are: `{list}`"),
        )
        .naming(what, "unknown")
    }

    /// One field of the request is wrong.
    pub(crate) fn invalid(field: &str, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        let cause = cause.into();
        Self::new(
            ProblemCode::ValidationError,
            format!("{field}: {cause}"),
            hint,
        )
        .naming(field, cause)
    }

    /// The same, naming the wrong fields.
    #[must_use]
    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.problem.errors = errors;
        self
    }

    /// The same, naming one field (or header) that is wrong.
    #[must_use]
    pub(crate) fn naming(self, field: &str, cause: impl Into<String>) -> Self {
        self.with_errors(vec![FieldError {
            field: field.into(),
            cause: cause.into(),
        }])
    }

    /// What is stored for later could not be read: the log's side is away.
    pub(crate) fn log_unavailable(error: impl Into<anyhow::Error>) -> Self {
        let refusal = Self::new(
            ProblemCode::LogUnavailable,
            "the log did not answer",
            "see how the server fares: `nexus daemon status`",
        );
        Self {
            inside: Some(Arc::new(error.into())),
            ..refusal
        }
    }

    /// The same with its fields in the words of the request, where a command has its own.
    #[must_use]
    pub(crate) fn renaming(mut self, word: impl Fn(&str) -> String) -> Self {
        let problem = self.problem.as_mut();
        if problem.code == ProblemCode::ValidationError && !problem.errors.is_empty() {
            for error in &mut problem.errors {
                error.field = word(&error.field);
            }
            let told: Vec<_> = problem
                .errors
                .iter()
                .map(|error| format!("{}: {}", error.field, error.cause))
                .collect();
            problem.detail = told.join("; ");
        }
        self
    }

    /// What the caller is told.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            inside: None,
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Problem::from(error).into()
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Problem::from(error).into()
    }
}

impl From<ReachError> for Refusal {
    fn from(error: ReachError) -> Self {
        error.problem().into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.problem.status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a refusal, where the answer is one: the body with its trace id, the headers that go
/// with it. A call of `/rpc` is refused in its own form.
pub(crate) async fn render(mut response: Response, trace: &Trace, is_call: bool) -> Response {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return written(refusal, response.headers(), trace, is_call);
    }
    // Handlers refuse by [`Refusal`] alone; any other 4xx is the framework's own.
    if response.status().is_client_error() {
        let headers = response.headers().clone();
        let refusal = foreign(response.status(), response.into_body()).await;
        return written(refusal, &headers, trace, is_call);
    }
    response
}

/// What the framework refused by itself, in our words.
async fn foreign(status: StatusCode, body: Body) -> Refusal {
    let said = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let (code, hint) = match status {
        StatusCode::NOT_FOUND => (ProblemCode::NotFound, SEE_DOCS),
        StatusCode::METHOD_NOT_ALLOWED => (ProblemCode::MethodNotAllowed, SEE_DOCS),
        StatusCode::PAYLOAD_TOO_LARGE => (ProblemCode::PayloadTooLarge, "send at most 1 MiB"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (ProblemCode::UnsupportedMediaType, SEE_DOCS),
        _ => (ProblemCode::MalformedRequest, SEE_DOCS),
    };
    let detail = if said.is_empty() {
        code.title().to_owned()
    } else {
        said
    };
    Refusal::new(code, detail, hint)
}

/// The hint of last resort.
pub(super) const SEE_DOCS: &str = "see the routes and their forms at /docs, or `nexus --help`";

fn written(refusal: Refusal, headers: &HeaderMap, trace: &Trace, is_call: bool) -> Response {
    let Refusal {
        mut problem,
        inside,
    } = refusal;
    problem.trace_id = trace.trace_id().to_owned();
    if let Some(error) = inside {
        tracing::error!(trace_id = problem.trace_id, "request failed: {error:#}");
    }
    let retryable = problem.retryable;
    let mut response = if is_call {
        rpc::written(*problem)
    } else {
        plain(&problem)
    };
    let out = response.headers_mut();
    for kept in [ALLOW, WWW_AUTHENTICATE] {
        for value in headers.get_all(&kept) {
            out.append(&kept, value.clone());
        }
    }
    if retryable {
        out.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn plain(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let content_type = HeaderValue::from_static(problem::CONTENT_TYPE);
    (status, [(CONTENT_TYPE, content_type)], body).into_response()
}
