//! What happened to one workspace, and what was asked of it.

use axum::extract::{Path, State};
use nexus_events::view::{EventView, OperationView, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::Answer;
use crate::http::extract::Query;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::Fresh;
use crate::queries::{EventQuery, OperationQuery};

/// Which events of a workspace.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only events after this sequence.
    after: Option<u64>,
    /// Where the page before ended.
    cursor: Option<u64>,
    /// Only those whose type matches; `*` is any text (`workspace.*`, `*.ready`).
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// How many at most (100 unless told, 500 at most).
    limit: Option<usize>,
    /// At least this event must be in the answer.
    min_seq: Option<u64>,
}

/// Which operations of a workspace.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// How many at most (100 unless told, 500 at most).
    limit: Option<usize>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// At least this event must be in the answer.
    min_seq: Option<u64>,
}

/// Everything that happened to a workspace, oldest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/events", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Wanted),
    responses((status = 200, description = "A page of events", body = Page<EventView>)),
)]
pub(crate) async fn events(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Fresh<Page<EventView>>> {
    api.visible(wanted.min_seq).await?;
    let workspace = api.workspace(&identity, &id).await?.id.to_string();
    let query = EventQuery {
        after: wanted.cursor.or(wanted.after),
        workspace: Some(workspace),
        event_type: wanted.event_type,
        limit: wanted.limit,
        ..EventQuery::default()
    };
    let page = api.queries().events(&identity, &query)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// Everything that was asked of a workspace, newest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/operations", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Listing),
    responses((status = 200, description = "A page of operations", body = Page<OperationView>)),
)]
pub(crate) async fn operations(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(listing): Query<Listing>,
) -> Answer<Fresh<Page<OperationView>>> {
    api.visible(listing.min_seq).await?;
    let workspace = api.workspace(&identity, &id).await?.id.to_string();
    let query = OperationQuery {
        workspace: Some(workspace),
        limit: listing.limit,
        cursor: listing.cursor,
        ..OperationQuery::default()
    };
    let page = api.queries().operations(&identity, &query)?;
    Ok(Fresh::ok(page.sequence, page))
}
