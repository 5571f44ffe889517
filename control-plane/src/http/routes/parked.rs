//! Messages nobody could work on, for the people who can do something about them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use nexus_events::view::Page;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::EVENTS;
use crate::http::reply::Fresh;
use crate::queries::ParkedView;

/// Everything parked, oldest first. For administrators.
#[utoipa::path(
    get, path = "/api/v1/parked", tag = EVENTS,
    responses((status = 200, description = "All of it", body = Page<ParkedView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Answer<Fresh<Page<ParkedView>>> {
    let items = api.queries().parked(&identity).await?;
    let sequence = api.queries().sequence();
    Ok(Fresh::ok(
        sequence,
        Page {
            items,
            next: None,
            sequence,
        },
    ))
}

/// Put a parked command back into the queue. For administrators.
#[utoipa::path(
    post, path = "/api/v1/parked/{sequence}/retry", tag = EVENTS,
    params(("sequence" = u64, Path, description = "Its number among the parked ones")),
    responses((status = 204, description = "It is queued")),
)]
pub(crate) async fn retry(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(sequence): Path<String>,
) -> Answer<StatusCode> {
    api.commands()
        .retry_parked(&identity, number(&sequence)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a parked message for good. For administrators.
#[utoipa::path(
    post, path = "/api/v1/parked/{sequence}/discard", tag = EVENTS,
    params(("sequence" = u64, Path, description = "Its number among the parked ones")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn discard(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(sequence): Path<String>,
) -> Answer<StatusCode> {
    api.commands()
        .discard_parked(&identity, number(&sequence)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse()
        .map_err(|_| Refusal::not_found("parked message", text))
}
