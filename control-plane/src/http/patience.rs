//! How long a request may take, and what becomes of a write whose caller hangs up.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use nexus_events::problem::ProblemCode;

use super::error::Refusal;

/// The longest a request may wait for its answer to begin: a wait of 60 s and some air.
const LONGEST: Duration = Duration::from_secs(75);

/// The longest a caller may ask to wait for something, in seconds.
pub(crate) const LONGEST_WAIT: u64 = 60;

/// The layer that ends what takes too long. A write, once begun, goes on to its end, whether or
/// not somebody still listens: half of one would be worse than one nobody heard of.
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    let answer = if request.method().is_safe() {
        tokio::time::timeout(LONGEST, next.run(request)).await
    } else {
        let write = tokio::spawn(next.run(request));
        match tokio::time::timeout(LONGEST, write).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Ok(Err(ended)) => Ok(Refusal::internal(ended).into_response()),
            Err(elapsed) => Err(elapsed),
        }
    };
    answer.unwrap_or_else(|_| {
        let detail = format!("no answer within {} s", LONGEST.as_secs());
        let hint = "ask again; a write with the same `Idempotency-Key` is not done twice";
        Refusal::new(ProblemCode::Timeout, detail, hint).into_response()
    })
}

/// The layer that turns a panic into a fault of ours.
pub(crate) fn panicked(payload: Box<dyn std::any::Any + Send>) -> Response {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Refusal::internal(anyhow::anyhow!("a handler panicked: {said}")).into_response()
}
