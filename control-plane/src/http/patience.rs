//! How long a request may take, and what becomes of a write whose caller hangs up.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use nexus_events::problem::ProblemCode;

use super::error::Refusal;

/// The longest a request may wait for its answer to begin: a wait of 60 s and some air.
const LONGEST: Duration = Duration::from_secs(75);

/// The longest a caller may ask to wait for something, in seconds.
pub(crate) const LONGEST_WAIT: u64 = 60;

/// Ends a read that takes too long.
pub(crate) async fn read(answer: impl Future<Output = Response>) -> Response {
    let answer = tokio::time::timeout(LONGEST, answer).await;
    answer.unwrap_or_else(|_| too_late())
}

/// Answers that a write takes too long. Once begun it goes on to its end, whether or not somebody
/// still listens: half of one would be worse than one nobody heard of.
pub(crate) async fn write(answer: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::time::timeout(LONGEST, tokio::spawn(answer)).await {
        Ok(Ok(response)) => response,
        Ok(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Ok(Err(ended)) => Refusal::internal(ended).into_response(),
        Err(_) => too_late(),
    }
}

fn too_late() -> Response {
    let detail = format!("no answer within {} s", LONGEST.as_secs());
    let hint = "ask again; a write with the same `Idempotency-Key` is not done twice";
    Refusal::new(ProblemCode::Timeout, detail, hint).into_response()
}

/// What a panic is answered with: a fault of ours.
pub(crate) fn panicked(payload: Box<dyn std::any::Any + Send>) -> Response {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Refusal::internal(anyhow::anyhow!("a handler panicked: {said}")).into_response()
}
