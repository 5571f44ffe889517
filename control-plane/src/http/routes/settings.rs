//! What a person wants in all of their workspaces: credentials and scripts.

use axum::extract::State;
use nexus_events::id::UserId;
use nexus_events::view::{CredentialsChange, CredentialsView, Scripts};
use serde::Deserialize;

use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{Body, Query};
use crate::http::openapi::USERS;
use crate::http::reply::Fresh;
use crate::identity::Identity;

/// Whose settings, and how fresh they have to be.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// Whose: a user's id, or `me` (which it is unless told). The operator has to name one.
    user: Option<String>,
    /// At least this event must be in the answer.
    min_seq: Option<u64>,
}

impl Whose {
    fn user(&self, identity: &Identity) -> Result<UserId, Refusal> {
        match self.user.as_deref() {
            None | Some("me") => identity.user().ok_or_else(|| {
                let hint = "add `?user=USER-ID`, or send a token of the user";
                Refusal::invalid("user", "the operator is no user", hint)
            }),
            Some(text) => text.parse().map_err(|_| Refusal::not_found("user", text)),
        }
    }
}

/// What is kept, by name: values are never told.
#[utoipa::path(
    get, path = "/api/v1/settings/credentials", tag = USERS, params(Whose),
    responses((status = 200, description = "Names, digests and times", body = CredentialsView)),
)]
pub(crate) async fn credentials(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(whose): Query<Whose>,
) -> Answer<Fresh<CredentialsView>> {
    let user = whose.user(&identity)?;
    api.visible(whose.min_seq).await?;
    let view = api.queries().credentials(&identity, user)?;
    Ok(Fresh::ok(view.sequence, view))
}

/// Set or remove credentials (`null` removes); running workspaces have them a moment later.
#[utoipa::path(
    put, path = "/api/v1/settings/credentials", tag = USERS, params(Whose),
    request_body = CredentialsChange,
    responses((status = 200, description = "What is kept now", body = CredentialsView)),
)]
pub(crate) async fn change_credentials(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Query(whose): Query<Whose>,
    Body(change): Body<CredentialsChange>,
) -> Answer<Fresh<CredentialsView>> {
    let user = whose.user(&identity)?;
    api.visible(whose.min_seq).await?;
    let written = api
        .commands()
        .change_credentials(&identity, user, change, &context)
        .await?;
    Ok(Fresh::ok(written.sequence, written.value))
}

/// What runs in your workspaces besides what their repositories say.
#[utoipa::path(
    get, path = "/api/v1/settings/scripts", tag = USERS, params(Whose),
    responses((status = 200, description = "The scripts", body = Scripts)),
)]
pub(crate) async fn scripts(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(whose): Query<Whose>,
) -> Answer<Fresh<Scripts>> {
    let user = whose.user(&identity)?;
    api.visible(whose.min_seq).await?;
    let sequence = api.queries().sequence();
    let scripts = api.queries().scripts(&identity, user).await?;
    Ok(Fresh::ok(sequence, scripts))
}

/// Set the scripts; one that is absent is removed.
#[utoipa::path(
    put, path = "/api/v1/settings/scripts", tag = USERS, params(Whose), request_body = Scripts,
    responses((status = 200, description = "The scripts now", body = Scripts)),
)]
pub(crate) async fn change_scripts(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Query(whose): Query<Whose>,
    Body(scripts): Body<Scripts>,
) -> Answer<Fresh<Scripts>> {
    let user = whose.user(&identity)?;
    api.visible(whose.min_seq).await?;
    let written = api
        .commands()
        .change_scripts(&identity, user, scripts, &context)
        .await?;
    Ok(Fresh::ok(written.sequence, written.value))
}
