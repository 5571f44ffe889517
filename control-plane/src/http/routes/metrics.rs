//! Figures for Prometheus.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::openapi::SERVER;

/// Figures for Prometheus, in its text form.
#[utoipa::path(
    get, path = "/metrics", tag = SERVER,
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(api): State<Api>, _caller: Caller) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        api.app().metrics_text(),
    )
}
