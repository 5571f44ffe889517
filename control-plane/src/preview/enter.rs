//! Being let in: a page takes the ticket from behind the `#` and brings it back by `POST`, which
//! answers with the cookie of this preview. No address with a secret in it is ever sent.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, ORIGIN, SET_COOKIE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_events::problem::{Problem, ProblemCode};
use sha2::{Digest as _, Sha256};

use super::headers::COOKIE_NAME;
use super::pages::{Said, html, with_type};
use super::{HostName, Previews, entry};

/// Where it is, on every preview; a service cannot have a page there.
pub(super) const PATH: &str = "/.nexus/enter";

/// A ticket is short.
const MOST_BYTES: usize = 1024;

/// Takes the ticket out of the address before anything else, then brings it.
const SCRIPT: &str = r##"const said=document.getElementById("said");
const ticket=location.hash.slice(1);
history.replaceState(null,"",location.pathname);
if(!ticket){said.textContent="There is no ticket in this address: open the preview from the dashboard."}
else{fetch(location.pathname,{method:"POST",headers:{"content-type":"text/plain"},body:ticket})
.then(answer=>{if(answer.ok){location.replace("/")}
else{said.textContent="The ticket counts no more: open the preview from the dashboard once again."}})
.catch(()=>{said.textContent="The server does not answer: try again."})}"##;

impl Previews {
    /// Answers at [`PATH`].
    pub(super) async fn enter(&self, host: HostName, request: Request) -> Response {
        match *request.method() {
            Method::GET | Method::HEAD => page(),
            Method::POST => self.exchange(host, request).await,
            _ => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let allowed = HeaderValue::from_static("GET, POST");
                response.headers_mut().insert(ALLOW, allowed);
                response
            }
        }
    }

    async fn exchange(&self, host: HostName, request: Request) -> Response {
        if !self.is_own_page(host, request.headers()) {
            return Said::foreign().respond(false);
        }
        let Ok(body) = to_bytes(request.into_body(), MOST_BYTES).await else {
            return Said::unknown().respond(false);
        };
        let ticket = std::str::from_utf8(&body).unwrap_or_default().trim();
        let now = self.parts.app.now();
        let Ok(Some((identity, meant))) = self.parts.tickets.redeem(ticket, now).await else {
            return Said::unknown().respond(false);
        };
        if meant != host {
            return Said::unknown().respond(false);
        }
        let secret = self.parts.entries.admit(identity, host).await;
        let cookie = format!(
            "{COOKIE_NAME}={secret}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            entry::LIFETIME.as_secs()
        );
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Ok(mut value) = HeaderValue::from_str(&cookie) {
            value.set_sensitive(true);
            response.headers_mut().insert(SET_COOKIE, value);
        }
        response
    }

    /// Only the page above brings tickets.
    fn is_own_page(&self, host: HostName, headers: &HeaderMap) -> bool {
        const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
        let origins = headers.get_all(ORIGIN).iter();
        let own = |origin: &HeaderValue| {
            let from = origin
                .to_str()
                .ok()
                .map(|text| self.parts.naming.of_origin(text));
            from.flatten() == Some(host)
        };
        let sites = headers.get_all(SITE).iter();
        headers.contains_key(ORIGIN)
            && origins.into_iter().all(own)
            && sites.into_iter().all(|site| site == "same-origin")
    }
}

fn page() -> Response {
    let mut problem = Problem::new(ProblemCode::AuthenticationError, "Letting you in…", "");
    problem.title = "One moment".into();
    let body = html(&problem, None, &format!("<script>{SCRIPT}</script>"));
    let mut response = with_type(body, "text/html; charset=utf-8");
    let digest = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{digest}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, value);
    }
    response
}
