//! Whether the process lives, whether it can take work, and how everything it needs fares.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::StatusCode;
use nexus_events::view::HealthView;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::Answer;
use crate::http::extract::Query;
use crate::http::openapi::SERVER;
use crate::http::reply::Fresh;

/// Whether the process lives. Depends on nothing and asks nobody who they are.
#[utoipa::path(
    get, path = "/livez", tag = SERVER, security(()),
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// How a probe wants its answer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Probe {
    /// Present: tell each check.
    verbose: Option<String>,
}

/// Whether the server can take work: the log stores, the read model keeps up, there is room.
#[utoipa::path(
    get, path = "/readyz", tag = SERVER, params(Probe),
    responses((status = 200, description = "It can", body = String, content_type = "text/plain")),
)]
pub(crate) async fn readyz(
    State(api): State<Api>,
    _caller: Caller,
    Query(probe): Query<Probe>,
) -> Answer<String> {
    let health = api.app().ready().await?;
    let mut text = String::from("ok\n");
    if probe.verbose.is_some() {
        for (check, fares) in &health.checks {
            let _ = writeln!(text, "{check}: {fares}");
        }
    }
    Ok(text)
}

/// What the server is and how everything it depends on fares.
#[utoipa::path(
    get, path = "/health", tag = SERVER,
    responses(
        (status = 200, description = "It can take work", body = HealthView),
        (status = 503, description = "It cannot", body = HealthView),
    ),
)]
pub(crate) async fn health(State(api): State<Api>, _caller: Caller) -> Answer<Fresh<HealthView>> {
    let health = api.app().health().await;
    let status = match health.status.as_str() {
        "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    Ok(Fresh::ok(health.sequence, health).with_status(status))
}
