//! A workspace as it was.

use axum::extract::{Path, State};
use nexus_events::view::WorkspaceView;

use super::freshness::Fresher;
use super::workspaces::workspace_ref;
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::Fresh;

/// One workspace as of an event of the log: what its events up to there add up to.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/at/{sequence}", tag = WORKSPACES,
    params(
        ("id" = String, Path, description = "Its id, or its name now"),
        ("sequence" = u64, Path, description = "The event, by its place in the log"),
        Fresher,
    ),
    responses((status = 200, description = "How it stood", body = WorkspaceView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((id, sequence)): Path<(String, String)>,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<WorkspaceView>> {
    let workspace = workspace_ref(&id)?;
    let at: u64 = sequence.parse().map_err(|_| {
        let cause = "it is a whole number, the place of an event in the log";
        Refusal::invalid("sequence", cause, "see the events: `nexus events`")
    })?;
    api.visible(fresher.min_seq).await?;
    let queries = api.queries().clone();
    let folding =
        tokio::task::spawn_blocking(move || queries.workspace_at(&identity, &workspace, at));
    let view = folding.await.map_err(Refusal::internal)??;
    Ok(Fresh::ok(view.sequence, view))
}
