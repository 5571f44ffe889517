//! What the API says of itself, for programs and for people.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::openapi::SERVER;

/// This document (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/openapi.json", tag = SERVER,
    responses((status = 200, description = "The document", body = Object)),
)]
pub(crate) async fn openapi(State(api): State<Api>, _caller: Caller) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], api.documents().json())
}

/// This document as a page to read. A browser asks for a name (any) and a password (a token).
#[utoipa::path(
    get, path = "/docs", tag = SERVER,
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn docs(State(api): State<Api>, _caller: Caller) -> impl IntoResponse {
    let page = api.documents().page();
    let headers: [(HeaderName, String); 4] = [
        (CONTENT_TYPE, "text/html; charset=utf-8".into()),
        (CONTENT_SECURITY_POLICY, page.policy.clone()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (REFERRER_POLICY, "no-referrer".into()),
    ];
    (headers, page.html.clone())
}
