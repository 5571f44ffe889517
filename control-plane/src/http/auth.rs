//! Who asks: asked before every route, so that no route can forget to.
//!
//! ```text
//!             TCP                                  local socket
//!  Host is one of ours, else 403                        │
//!  Origin, where something changes, else 403            │
//!        └────────────────────┬─────────────────────────┘
//!                     a file of the dashboard? that, to everybody
//!                     a token? its bearer, else 401
//!                     a WebSocket with a ticket? whoever took it, once, else 401
//!                     a cookie, from a page that is ours? whoever signed in, else 401
//!                     none, and the kernel says the socket's other end is
//!                     this server's own user or root? the operator
//!                     else 401, except for /livez and signing in
//! ```

pub(super) mod cookie;
mod host;
mod origin;
mod ticket;
mod token;

pub use host::HostNames;
pub(super) use token::Token;

use std::ops::ControlFlow;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use nexus_events::problem::ProblemCode;

use super::Api;
use super::dashboard;
use super::error::Refusal;
use super::listen::Peer;
use crate::identity::Identity;

/// The one route that answers everybody: it tells nothing but that the process lives.
const OPEN: &str = "/livez";

/// Where strangers become known, by `POST`.
const SIGN_IN: &str = "/api/v1/sign-in";

/// The routes a person reads in a browser, which can send a token only as a password.
const PAGES: [&str; 2] = ["/docs", "/openapi.json"];

/// Puts an [`Identity`] into the request's extensions where its route wants one, or breaks with
/// the answer: a refusal, or a file of the dashboard.
pub(crate) async fn identify(api: &Api, request: &mut Request) -> ControlFlow<Response> {
    if let Err(refusal) = check_site(api, request) {
        return ControlFlow::Break(refusal.into_response());
    }
    if let Some(file) = dashboard::answer(request) {
        return ControlFlow::Break(file);
    }
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let page = route.is_some_and(|route| PAGES.contains(&route));
    let signs_in = route == Some(SIGN_IN) && request.method() == Method::POST;
    if route == Some(OPEN) || signs_in {
        return ControlFlow::Continue(());
    }
    let peer = request.extensions().get::<Peer>().copied();
    match who_asks(api, request.method(), request.headers(), peer, page).await {
        Ok((identity, by)) => {
            if matches!(by, By::Cookie) {
                request.extensions_mut().insert(ByCookie);
            }
            if let Err(refusal) = api.pace().count(&identity, Instant::now()) {
                return ControlFlow::Break(refusal.into_response());
            }
            request.extensions_mut().insert(identity);
            ControlFlow::Continue(())
        }
        Err(refusal) => ControlFlow::Break(challenge(refusal, page)),
    }
}

/// Host and Origin, which matter where browsers can reach: over TCP.
fn check_site(api: &Api, request: &Request) -> Result<(), Refusal> {
    if let Some(Peer::Local { .. }) = request.extensions().get::<Peer>() {
        return Ok(());
    }
    let host = api.hosts().check(request.headers())?;
    if origin::is_exempt(request.method(), request.headers()) {
        return Ok(());
    }
    origin::check(request.headers(), host)
}

/// A mark on requests of signed-in browsers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByCookie;

/// How somebody was known.
enum By {
    Cookie,
    Other,
}

async fn who_asks(
    api: &Api,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<Peer>,
    page: bool,
) -> Result<(Identity, By), Refusal> {
    if let Some(token) = token::given(headers, page)? {
        return Ok((api.bearer(&token).await?, By::Other));
    }
    if let Some(ticket) = ticket::given(method, headers) {
        return Ok((api.ticket(ticket).await?, By::Other));
    }
    if let Some(Peer::Local { user }) = peer {
        if is_trusted(user) {
            return Ok((Identity::Operator, By::Other));
        }
    } else if let Some(token) = cookie::given(headers, origin::is_exempt(method, headers))? {
        return Ok((api.bearer(&token).await?, By::Cookie));
    }
    Err(unknown(
        "Authorization",
        "the header is missing",
        "send `Authorization: Bearer TOKEN` (the first token is in ~/.nexus/token), or use \
         the local socket: `curl --unix-socket ~/.nexus/daemon.sock http://localhost/health`",
    ))
}

/// The server's own user, and root, could read its files anyway.
fn is_trusted(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

/// A refusal of whoever asks.
pub(super) fn unknown(field: &str, cause: &str, hint: &str) -> Refusal {
    Refusal::new(
        ProblemCode::AuthenticationError,
        format!("{field}: {cause}"),
        hint,
    )
    .naming(field, cause)
}

fn challenge(refusal: Refusal, page: bool) -> Response {
    let mut response = refusal.into_response();
    let headers = response.headers_mut();
    headers.append(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"nexus\""),
    );
    if page {
        let basic = "Basic realm=\"nexus: any name, a token as the password\"";
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(basic));
    }
    response
}

/// Who asks, for handlers. A route that stood outside the layer would answer 401.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get::<Identity>()
            .copied()
            .map(Self)
            .ok_or_else(|| {
                unknown(
                    "Authorization",
                    "nobody checked it",
                    "report this: a route has no guard",
                )
            })
    }
}
