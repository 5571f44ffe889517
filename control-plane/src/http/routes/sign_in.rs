//! Sign-in: a browser is let in by a cookie that holds a token of its own.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use nexus_events::user::Scope;
use nexus_events::view::{SignInRequest, SignInView};

use crate::commands::{RequestContext, TokenRequest};
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::{ByCookie, Caller, Token, cookie};
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::listen::Peer;
use crate::http::openapi::USERS;
use crate::http::reply::{Fresh, set_sequence};
use crate::identity::Identity;

/// Sign in with a token. The cookie `__Host-nexus` of the answer holds another token, issued for
/// the browser alone: it ends after twelve hours, or when the one given would, or when you sign out.
#[utoipa::path(
    post, path = "/api/v1/sign-in", tag = USERS, request_body = SignInRequest, security(()),
    responses((status = 200, description = "Signed in; the cookie is set", body = SignInView)),
)]
pub(crate) async fn sign_in(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    Body(request): Body<SignInRequest>,
) -> Answer<Response> {
    let (peer, now) = (peer.map(|Extension(peer)| peer), Instant::now());
    api.attempts().may_try(peer, now)?;
    let identity = api
        .bearer(&Token::new(&request.token))
        .await
        .inspect_err(|_| api.attempts().failed(peer, now))?;
    api.pace().count(&identity, now)?;
    let context = RequestContext::new(api.app().now());
    let request = TokenRequest {
        scope: Some(view(&identity).scope),
        expires_in_seconds: Some(lasts(&api, &identity)?),
        ..TokenRequest::default()
    };
    let written = api
        .commands()
        .issue_token(&identity, request, &context)
        .await?;
    api.in_force(written.sequence).await;
    let cookie = cookie::set(&written.value.token)
        .ok_or_else(|| Refusal::internal(anyhow::anyhow!("a token cannot stand in a cookie")))?;
    let mut response = Fresh::ok(written.sequence, view(&identity)).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Who you are.
#[utoipa::path(
    get, path = "/api/v1/sign-in", tag = USERS,
    responses((status = 200, description = "Who asks", body = SignInView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Answer<Fresh<SignInView>> {
    Ok(Fresh::ok(api.queries().sequence(), view(&identity)))
}

/// Sign out. The browser's token is revoked; what it opened is closed within a second.
#[utoipa::path(
    delete, path = "/api/v1/sign-in", tag = USERS,
    responses((status = 204, description = "Signed out; the cookie is taken away")),
)]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    by_cookie: Option<Extension<ByCookie>>,
    Asked { identity, context }: Asked,
) -> Answer<Response> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    // A token that came another way is nobody's sign-in, and stays.
    if let (Some(_), Identity::User { token, .. }) = (by_cookie, &identity) {
        let written = api
            .commands()
            .revoke_token(&identity, *token, &context)
            .await?;
        api.in_force(written.sequence).await;
        set_sequence(&mut response, written.sequence);
    }
    response.headers_mut().append(SET_COOKIE, cookie::clear());
    Ok(response)
}

/// Seconds the browser's token lasts: no longer than the one it was got with.
fn lasts(api: &Api, identity: &Identity) -> Result<u32, Refusal> {
    let ends = match identity {
        Identity::User { token, .. } => api.queries().token_end(*token)?.flatten(),
        Identity::Operator => None,
    };
    let left = ends.map(|end| end.duration_since(api.app().now()).as_secs().max(1));
    let left = left.and_then(|seconds| u32::try_from(seconds).ok());
    Ok(left.unwrap_or(u32::MAX).min(cookie::LIFETIME))
}

fn view(identity: &Identity) -> SignInView {
    match identity {
        Identity::Operator => SignInView {
            user_id: None,
            operator: true,
            scope: Scope::Admin,
        },
        Identity::User { id, scope, .. } => SignInView {
            user_id: Some(*id),
            operator: false,
            scope: *scope,
        },
    }
}
