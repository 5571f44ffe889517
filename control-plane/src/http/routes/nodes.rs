//! Nodes: where workspaces run.

use axum::extract::{Path, State};
use nexus_events::view::{NodeView, Page};

use super::freshness::Fresher;
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::NODES;
use crate::http::reply::Fresh;

/// Every node that ever joined.
#[utoipa::path(
    get, path = "/api/v1/nodes", tag = NODES, params(Fresher),
    responses((status = 200, description = "All of them", body = Page<NodeView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<Page<NodeView>>> {
    api.visible(fresher.min_seq).await?;
    let page = api.queries().nodes(&identity)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// One node.
#[utoipa::path(
    get, path = "/api/v1/nodes/{id}", tag = NODES,
    params(("id" = String, Path, description = "Its id"), Fresher),
    responses((status = 200, description = "How it stands", body = NodeView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<NodeView>> {
    let known = id.parse().map_err(|_| Refusal::not_found("node", &id))?;
    api.visible(fresher.min_seq).await?;
    let sequence = api.queries().sequence();
    Ok(Fresh::ok(sequence, api.queries().node(&identity, known)?))
}
