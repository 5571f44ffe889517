//! Start, stop, delete: a new intent, accepted from every state.

use axum::extract::{Path, State};
use axum::response::Response;
use nexus_events::view::Accepted;

use super::workspaces::workspace_ref;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::error::Answer;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::accepted;

/// Bring a workspace up.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/start", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses(
        (status = 202, description = "Accepted: follow the operation", body = Accepted),
        (status = 200, description = "Nothing was to be done", body = Accepted),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<Response> {
    let workspace = workspace_ref(&id)?;
    let ask = || {
        api.commands()
            .start_workspace(&identity, &workspace, &context)
    };
    Ok(accepted(api.sure(ask).await?))
}

/// Bring a workspace down; its files are kept.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/stop", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses(
        (status = 202, description = "Accepted: follow the operation", body = Accepted),
        (status = 200, description = "Nothing was to be done", body = Accepted),
    ),
)]
pub(crate) async fn stop(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<Response> {
    let workspace = workspace_ref(&id)?;
    let ask = || {
        api.commands()
            .stop_workspace(&identity, &workspace, &context)
    };
    Ok(accepted(api.sure(ask).await?))
}

/// Remove a workspace and its files.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/delete", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses(
        (status = 202, description = "Accepted: follow the operation", body = Accepted),
        (status = 200, description = "Nothing was to be done", body = Accepted),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    asked: Asked,
    Path(id): Path<String>,
) -> Answer<Response> {
    deleted(&api, &asked, &id).await
}

/// Remove a workspace and its files.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses(
        (status = 202, description = "Accepted: follow the operation", body = Accepted),
        (status = 200, description = "Nothing was to be done", body = Accepted),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    asked: Asked,
    Path(id): Path<String>,
) -> Answer<Response> {
    deleted(&api, &asked, &id).await
}

async fn deleted(api: &Api, asked: &Asked, id: &str) -> Answer<Response> {
    let workspace = workspace_ref(id)?;
    let Asked { identity, context } = asked;
    let ask = || {
        api.commands()
            .delete_workspace(identity, &workspace, context)
    };
    Ok(accepted(api.sure(ask).await?))
}
