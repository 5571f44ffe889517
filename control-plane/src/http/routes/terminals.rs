//! Which terminal sessions a workspace has, and closing one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use nexus_events::view::TerminalList;
use nexus_events::workspace::Phase;

use super::terminal::session_id;
use crate::gateway::{self, ReachError};
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::WORKSPACES;

/// The terminal sessions of a workspace; none outlives its machine.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/terminals", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses((status = 200, description = "All of them", body = TerminalList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Answer<Json<TerminalList>> {
    let view = api.workspace(&identity, &id).await?;
    if !matches!(view.phase, Phase::Running | Phase::Starting) {
        return Ok(Json(TerminalList::default()));
    }
    let client = api.app().gateway().reach(&view).await?;
    let list = gateway::list(&client).await;
    Ok(Json(list.map_err(|error| ReachError::init(&view, error))?))
}

/// Close a terminal session: its programs are hung up, then killed.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}/terminals/{session}", tag = WORKSPACES,
    params(
        ("id" = String, Path, description = "Its id, or its name"),
        ("session" = String, Path, description = "The session's id"),
    ),
    responses((status = 204, description = "It ends")),
)]
pub(crate) async fn close(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((id, session)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let view = api.workspace(&identity, &id).await?;
    let none = Refusal::not_found("terminal", &session);
    let Ok(session) = session_id(session) else {
        return Err(none);
    };
    if !matches!(view.phase, Phase::Running | Phase::Starting) {
        return Err(none);
    }
    let client = api.app().gateway().reach(&view).await?;
    let closed = client.close_terminal(&session).await;
    closed.map_err(|error| ReachError::init(&view, error))?;
    Ok(StatusCode::NO_CONTENT)
}
