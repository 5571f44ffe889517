//! Tokens: what lets a program in.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use nexus_events::view::{IssuedToken, Page, TokenView};

use super::freshness::Fresher;
use crate::commands::TokenRequest;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{Body, Query};
use crate::http::openapi::USERS;
use crate::http::reply::{Fresh, set_sequence};

/// Issue a token. Its text is told this once.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = USERS, request_body = TokenRequest,
    responses((status = 201, description = "Issued", body = IssuedToken)),
)]
pub(crate) async fn issue(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Body(request): Body<TokenRequest>,
) -> Answer<Fresh<IssuedToken>> {
    let written = api
        .commands()
        .issue_token(&identity, request, &context)
        .await?;
    api.in_force(written.sequence).await;
    Ok(Fresh::ok(written.sequence, written.value).with_status(StatusCode::CREATED))
}

/// Every token in force that you may see, without its text.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = USERS, params(Fresher),
    responses((status = 200, description = "All of them", body = Page<TokenView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<Page<TokenView>>> {
    api.visible(fresher.min_seq).await?;
    let page = api.queries().tokens(&identity)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// Revoke a token. What it opened is closed within a second.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = USERS,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It lets nobody in any more")),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<Response> {
    let token = id.parse().map_err(|_| Refusal::not_found("token", &id))?;
    let written = api
        .commands()
        .revoke_token(&identity, token, &context)
        .await?;
    api.in_force(written.sequence).await;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_sequence(&mut response, written.sequence);
    Ok(response)
}
