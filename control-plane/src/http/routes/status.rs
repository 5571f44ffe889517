//! The status of a workspace, in the shape of the first `/api/v1`.

use axum::extract::{Path, State};
use axum::response::Response;
use nexus_events::view::WorkspaceStatusReply;

use super::operations::Waiting;
use super::workspaces::workspace_ref;
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::Answer;
use crate::http::extract::Query;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::written;

/// Whether a workspace is pending, creating, running, stopped or in error, and how to reach it.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/status", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Waiting),
    responses((status = 200, description = "How it stands", body = WorkspaceStatusReply)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(waiting): Query<Waiting>,
) -> Answer<Response> {
    let workspace = workspace_ref(&id)?;
    api.visible(waiting.min_seq).await?;
    let sequence = api.queries().sequence();
    let ask = || async {
        let queries = api.queries();
        queries
            .settle(&identity, &workspace, waiting.time())
            .await?;
        api.status(&identity, &workspace)
    };
    let status = api.sure(ask).await?;
    Ok(written(sequence, status))
}
