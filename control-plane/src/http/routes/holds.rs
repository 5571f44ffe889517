//! Holds: what keeps a workspace from being stopped for idleness.

use axum::extract::{Path, State};
use nexus_events::name::{HoldName, HoldReason};
use nexus_events::view::{PlaceHoldRequest, WorkspaceView};

use super::workspaces::workspace_ref;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::Fresh;

/// Keep a workspace running although nothing uses it. A hold of the same name gives way.
#[utoipa::path(
    put, path = "/api/v1/workspaces/{id}/holds/{name}", tag = WORKSPACES,
    params(
        ("id" = String, Path, description = "Its id, or its name"),
        ("name" = String, Path, description = "The hold's name: lower-case letters, digits, `-`"),
    ),
    request_body = PlaceHoldRequest,
    responses((status = 200, description = "It is held", body = WorkspaceView)),
)]
pub(crate) async fn place(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path((id, name)): Path<(String, String)>,
    Body(request): Body<PlaceHoldRequest>,
) -> Answer<Fresh<WorkspaceView>> {
    let (workspace, name) = (workspace_ref(&id)?, hold_name(&name)?);
    let reason: Option<HoldReason> = request.reason.as_deref().map(reason).transpose()?;
    let ask = || {
        let hold = (reason.clone(), request.until);
        api.commands()
            .place_hold(&identity, &workspace, name.clone(), hold, &context)
    };
    let placed = api.sure(ask).await?;
    api.in_force(placed.sequence).await;
    let view = api.workspace(&identity, &id).await?;
    Ok(Fresh::ok(view.sequence, view))
}

/// Let a workspace be idle again, as far as this hold is concerned.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}/holds/{name}", tag = WORKSPACES,
    params(
        ("id" = String, Path, description = "Its id, or its name"),
        ("name" = String, Path, description = "The hold's name"),
    ),
    responses((status = 200, description = "There is no such hold any more", body = WorkspaceView)),
)]
pub(crate) async fn release(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path((id, name)): Path<(String, String)>,
) -> Answer<Fresh<WorkspaceView>> {
    let (workspace, name) = (workspace_ref(&id)?, hold_name(&name)?);
    let ask = || {
        api.commands()
            .release_hold(&identity, &workspace, name.clone(), &context)
    };
    let released = api.sure(ask).await?;
    api.in_force(released.sequence).await;
    let view = api.workspace(&identity, &id).await?;
    Ok(Fresh::ok(view.sequence, view))
}

fn hold_name(text: &str) -> Result<HoldName, Refusal> {
    text.parse().map_err(|error| wrong("name", error))
}

fn reason(text: &str) -> Result<HoldReason, Refusal> {
    text.parse().map_err(|error| wrong("reason", error))
}

fn wrong(field: &str, cause: impl std::fmt::Display) -> Refusal {
    let hint = "for example: `nexus workspace hold hello --name build --reason \"long build\"`";
    Refusal::invalid(field, cause.to_string(), hint)
}
