//! Tickets: let one WebSocket of a page in.

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use nexus_events::view::TicketView;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::USERS;
use crate::http::reply::Fresh;
use crate::tickets::LIFETIME;

/// Take a ticket. It lets one WebSocket in as you, once, within 30 seconds: offer the subprotocol
/// `nexus.ticket.<ticket>` beside the one you want to speak.
#[utoipa::path(
    post, path = "/api/v1/tickets", tag = USERS,
    responses((status = 201, description = "Taken", body = TicketView)),
)]
pub(crate) async fn take(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Answer<Fresh<TicketView>> {
    let now = api.app().now();
    let ticket = api
        .tickets()
        .issue(identity, now)
        .map_err(Refusal::internal)?;
    let view = TicketView {
        ticket: ticket.expose_secret().to_owned(),
        expires_at: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
    };
    Ok(Fresh::ok(api.queries().sequence(), view).with_status(StatusCode::CREATED))
}
