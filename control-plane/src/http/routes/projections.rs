//! The read models: how far they are, and making them anew.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use nexus_events::problem::ProblemCode;
use nexus_events::view::{ProjectionView, ProjectionWork, ProjectionWorkView};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::SERVER;
use crate::http::patience::LONGEST_WAIT;
use crate::http::reply::Fresh;
use crate::identity::Identity;

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
    operators_only(&identity)?;
    api.app().rebuild_aside();
    let reply = Fresh::ok(api.queries().sequence(), all(&api).await?);
    Ok(reply.with_status(StatusCode::ACCEPTED))
}

/// How long to wait for the end.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Answer once it is over, or after so many seconds (60 at most).
    wait: Option<u64>,
}

/// Verify, shadow, compare, switch or forget read models. For administrators.
///
/// `verify` compares with one made from the log anew. `shadow` makes one that follows beside;
/// `compare` compares it, `switch` lets it answer and the other one follow (again is the way back,
/// and loses nothing), `forget` ends the one beside. `GET` tells how it goes.
#[utoipa::path(
    post, path = "/api/v1/projections/{work}", tag = SERVER,
    params(("work" = ProjectionWork, Path, description = "What to do")),
    responses((
        status = 202, description = "It is under way: see `running`", body = ProjectionWorkView
    )),
)]
pub(crate) async fn work(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(work): Path<String>,
) -> Answer<Fresh<ProjectionWorkView>> {
    operators_only(&identity)?;
    let named = serde_json::Value::String(work.clone());
    let wanted = serde_json::from_value(named).map_err(|_| Refusal::not_found("work", &work))?;
    if !api.app().work_aside(wanted) {
        return Err(Refusal::new(
            ProblemCode::Conflict,
            "work on the read models is under way",
            "wait for its end: `GET /api/v1/projections/work?wait=60`",
        ));
    }
    let view = api.app().work(Duration::ZERO).await;
    Ok(Fresh::ok(api.queries().sequence(), view).with_status(StatusCode::ACCEPTED))
}

/// How the last work on the read models went. For administrators.
#[utoipa::path(
    get, path = "/api/v1/projections/work", tag = SERVER, params(Waiting),
    responses((status = 200, description = "How it stands", body = ProjectionWorkView)),
)]
pub(crate) async fn worked(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(waiting): Query<Waiting>,
) -> Answer<Fresh<ProjectionWorkView>> {
    operators_only(&identity)?;
    let wait = Duration::from_secs(waiting.wait.unwrap_or(0).min(LONGEST_WAIT));
    let view = api.app().work(wait).await;
    Ok(Fresh::ok(api.queries().sequence(), view))
}

fn operators_only(identity: &Identity) -> Answer<()> {
    if identity.is_admin() {
        return Ok(());
    }
    Err(Refusal::new(
        ProblemCode::Forbidden,
        "only administrators may have the read model looked at or made anew",
        "ask an administrator, or use the local socket on the server's machine",
    ))
}

async fn all(api: &Api) -> Answer<Vec<ProjectionView>> {
    let rebuilding = api.app().is_rebuilding();
    Ok(api.queries().projections(rebuilding).await?)
}
