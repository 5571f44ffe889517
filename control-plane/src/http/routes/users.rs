//! People.

use axum::extract::{Path, State};
use nexus_events::view::{Page, RegisterUserReply, RegisterUserRequest, UserView};

use super::freshness::Fresher;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{Body, Query};
use crate::http::openapi::USERS;
use crate::http::reply::Fresh;
use crate::queries::UserRef;

/// Register a GitHub account with a first SSH key; again, it answers the same.
#[utoipa::path(
    post, path = "/api/v1/users/register", tag = USERS, request_body = RegisterUserRequest,
    responses((status = 200, description = "Registered", body = RegisterUserReply)),
)]
pub(crate) async fn register(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Body(request): Body<RegisterUserRequest>,
) -> Answer<Fresh<RegisterUserReply>> {
    let written = api
        .commands()
        .register_user(&identity, request, &context)
        .await?;
    Ok(Fresh::ok(written.sequence, written.value))
}

/// Everybody you may see, in the order they registered.
#[utoipa::path(
    get, path = "/api/v1/users", tag = USERS, params(Fresher),
    responses((status = 200, description = "All of them", body = Page<UserView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<Page<UserView>>> {
    api.visible(fresher.min_seq).await?;
    let page = api.queries().users(&identity)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// One person.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = USERS,
    params(("id" = String, Path, description = "Their id, or `me`"), Fresher),
    responses((status = 200, description = "Who they are", body = UserView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<UserView>> {
    let user = id
        .parse::<UserRef>()
        .map_err(|_| Refusal::not_found("user", &id))?;
    api.visible(fresher.min_seq).await?;
    let sequence = api.queries().sequence();
    Ok(Fresh::ok(sequence, api.queries().user(&identity, &user)?))
}
