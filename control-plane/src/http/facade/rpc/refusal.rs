//! A problem as an oRPC client expects an error: by a code of its own vocabulary.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use nexus_events::problem::{Problem, ProblemCode};
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RpcRefusal {
    json: RpcError,
}

/// An error on the wire. The client knows it by having these members and no others.
#[derive(Debug, Serialize, ToSchema)]
struct RpcError {
    /// Whether the procedure announced it, which none does.
    defined: bool,
    /// What kind it is, in the client's words.
    code: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong.
    message: String,
    /// The problem in the form of the other routes.
    data: Problem,
}

/// The response that refuses a call with `problem`.
pub(in crate::http) fn written(problem: Problem) -> Response {
    let (code, status) = code(problem.code);
    let json = RpcError {
        defined: false,
        code,
        status,
        message: problem.detail.clone(),
        data: problem,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(RpcRefusal { json })).into_response()
}

/// The client's word for it, and the status it goes with.
const fn code(code: ProblemCode) -> (&'static str, u16) {
    match code {
        ProblemCode::ValidationError | ProblemCode::MalformedRequest => ("BAD_REQUEST", 400),
        ProblemCode::AuthenticationError => ("UNAUTHORIZED", 401),
        ProblemCode::Forbidden => ("FORBIDDEN", 403),
        // Of a workspace that is gone these clients say what they say of none.
        ProblemCode::NotFound | ProblemCode::Gone => ("NOT_FOUND", 404),
        ProblemCode::MethodNotAllowed => ("METHOD_NOT_SUPPORTED", 405),
        ProblemCode::Conflict
        | ProblemCode::IdempotencyKeyReused
        | ProblemCode::PortPoolEmpty
        | ProblemCode::NoWorker
        | ProblemCode::NotRunning => ("CONFLICT", 409),
        ProblemCode::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", 413),
        ProblemCode::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", 415),
        ProblemCode::RateLimit => ("TOO_MANY_REQUESTS", 429),
        ProblemCode::ProcessError => ("BAD_GATEWAY", 502),
        ProblemCode::LogUnavailable | ProblemCode::StorageFull => ("SERVICE_UNAVAILABLE", 503),
        ProblemCode::NotYetVisible | ProblemCode::Timeout => ("GATEWAY_TIMEOUT", 504),
        ProblemCode::InternalError => ("INTERNAL_SERVER_ERROR", 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vocabulary of `@orpc/client` (`COMMON_ORPC_ERROR_DEFS`).
    const KNOWN: [(&str, u16); 13] = [
        ("BAD_REQUEST", 400),
        ("UNAUTHORIZED", 401),
        ("FORBIDDEN", 403),
        ("NOT_FOUND", 404),
        ("METHOD_NOT_SUPPORTED", 405),
        ("CONFLICT", 409),
        ("PAYLOAD_TOO_LARGE", 413),
        ("UNSUPPORTED_MEDIA_TYPE", 415),
        ("TOO_MANY_REQUESTS", 429),
        ("INTERNAL_SERVER_ERROR", 500),
        ("BAD_GATEWAY", 502),
        ("SERVICE_UNAVAILABLE", 503),
        ("GATEWAY_TIMEOUT", 504),
    ];

    #[test]
    fn every_problem_has_a_word_the_client_knows() {
        for problem in ProblemCode::ALL {
            assert!(KNOWN.contains(&code(*problem)), "{problem}");
        }
    }
}
