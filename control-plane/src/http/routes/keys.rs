//! The SSH keys a person is let in with.

use axum::extract::{Path, State};
use nexus_events::id::UserId;
use nexus_events::view::UserView;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::openapi::USERS;
use crate::http::reply::Fresh;
use crate::identity::Identity;

/// A key to let in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// A public SSH key in one line.
    public_key: String,
}

/// Let a key in. One that is there already changes nothing.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/keys", tag = USERS, request_body = NewKey,
    params(("id" = String, Path, description = "Whose: their id, or `me`")),
    responses((status = 200, description = "Whom it belongs to now", body = UserView)),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
    Body(key): Body<NewKey>,
) -> Answer<Fresh<UserView>> {
    let user = whose(&identity, &id)?;
    let written = api
        .commands()
        .add_user_key(&identity, user, &key.public_key, &context)
        .await?;
    api.in_force(written.sequence).await;
    Ok(Fresh::ok(written.sequence, written.value))
}

/// Let a key in no more: what it opened is closed within a second. One that is not there changes
/// nothing.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/keys/{fingerprint}", tag = USERS,
    params(
        ("id" = String, Path, description = "Whose: their id, or `me`"),
        ("fingerprint" = String, Path, description = "`SHA256:…`, with `/` written as `%2F`"),
    ),
    responses((status = 200, description = "Whom it belonged to", body = UserView)),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path((id, fingerprint)): Path<(String, String)>,
) -> Answer<Fresh<UserView>> {
    let user = whose(&identity, &id)?;
    let written = api
        .commands()
        .remove_user_key(&identity, user, &fingerprint, &context)
        .await?;
    api.in_force(written.sequence).await;
    Ok(Fresh::ok(written.sequence, written.value))
}

fn whose(identity: &Identity, id: &str) -> Result<UserId, Refusal> {
    let user = if id == "me" {
        identity.user()
    } else {
        id.parse().ok()
    };
    user.ok_or_else(|| Refusal::not_found("user", id))
}
