//! What is around every route, from the outside in: previews, trace, problems, panics, time,
//! identity, freshness, refusals.
//!
//! It is one layer of the router and not one for each of them: a layer of the router copies
//! everything below it with every request. What most requests do not need is boxed, so that they
//! do not carry the room for it.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt as _;
use tracing::Instrument as _;

use super::facade::rpc;
use super::trace::Followed;
use super::{Api, auth, error, patience, refusals, reply};

/// The layer. What is for a preview goes there, and never near a route of ours.
pub(crate) async fn around(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    if let Some(host) = api.previews().named(&request) {
        return Box::pin(api.previews().serve(host, request)).await;
    }
    let followed = Followed::begin(&mut request);
    let (trace, is_call) = (followed.trace(), rpc::is_call(request.uri().path()));
    let answering = async move {
        let answer = AssertUnwindSafe(in_time(api, request, next)).catch_unwind();
        let response = answer.await.unwrap_or_else(patience::panicked);
        error::render(response, &trace, is_call).await
    };
    let response = answering.instrument(followed.span()).await;
    followed.end(response)
}

async fn in_time(api: Api, request: Request, next: Next) -> Response {
    match request.method().is_safe() {
        true => patience::read(identified(api, request, next)).await,
        false => Box::pin(patience::write(identified(api, request, next))).await,
    }
}

async fn identified(api: Api, mut request: Request, next: Next) -> Response {
    match auth::identify(&api, &mut request).await {
        ControlFlow::Continue(()) => {
            let sequence = api.queries().sequence();
            let mut response = match request.method().is_safe() {
                true => next.run(request).await,
                false => Box::pin(refusals::noted(&api, request, next)).await,
            };
            reply::say_sequence(&mut response, sequence);
            response
        }
        ControlFlow::Break(response) => response,
    }
}
