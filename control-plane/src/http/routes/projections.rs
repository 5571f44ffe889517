//! The read models: how far they are, and making them anew.

use axum::extract::State;
use axum::http::StatusCode;
use nexus_events::problem::ProblemCode;
use nexus_events::view::ProjectionView;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::SERVER;
use crate::http::reply::Fresh;

/// What is derived from the log, and how far each has come.
#[utoipa::path(
    get, path = "/api/v1/projections", tag = SERVER,
    responses((status = 200, description = "All of them", body = Vec<ProjectionView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _caller: Caller,
) -> Answer<Fresh<Vec<ProjectionView>>> {
    Ok(Fresh::ok(api.queries().sequence(), all(&api).await?))
}

/// Make the read model anew beside the one that answers, then swap them. For administrators.
#[utoipa::path(
    post, path = "/api/v1/projections/rebuild", tag = SERVER,
    responses((
        status = 202, description = "It is under way: see `rebuilding`", body = Vec<ProjectionView>
    )),
)]
pub(crate) async fn rebuild(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Answer<Fresh<Vec<ProjectionView>>> {
    if !identity.is_admin() {
        return Err(Refusal::new(
            ProblemCode::Forbidden,
            "only administrators may have the read model made anew",
            "ask an administrator, or use the local socket on the server's machine",
        ));
    }
    api.app().rebuild_aside();
    let reply = Fresh::ok(api.queries().sequence(), all(&api).await?);
    Ok(reply.with_status(StatusCode::ACCEPTED))
}

async fn all(api: &Api) -> Answer<Vec<ProjectionView>> {
    let rebuilding = api.app().is_rebuilding();
    Ok(api.queries().projections(rebuilding).await?)
}
