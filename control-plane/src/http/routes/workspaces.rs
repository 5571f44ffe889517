//! Workspaces: asked for, listed, looked at.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use nexus_events::view::{
    Accepted, CreateWorkspaceReply, CreateWorkspaceRequest, NewWorkspace, Page, WorkspaceView,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::freshness::Fresher;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{Body, Query};
use crate::http::openapi::WORKSPACES;
use crate::http::reply::{Fresh, accepted};
use crate::queries::{WorkspaceQuery, WorkspaceRef};

/// Ask for a workspace, in the form of the first `/api/v1`.
#[utoipa::path(
    post, path = "/api/v1/workspaces/create", tag = WORKSPACES,
    request_body = CreateWorkspaceRequest,
    responses((status = 202, description = "Accepted: poll its status", body = CreateWorkspaceReply)),
)]
pub(crate) async fn create_from_seed(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Body(request): Body<CreateWorkspaceRequest>,
) -> Answer<Fresh<CreateWorkspaceReply>> {
    let commands = api.commands();
    let ask = || commands.create_workspace_from_seed(&identity, request.clone(), &context);
    let created = api.sure(ask).await;
    let created = created.map_err(|refusal| refusal.renaming(seed_word))?;
    let reply = Fresh::ok(created.sequence, created.into());
    Ok(reply.with_status(StatusCode::ACCEPTED))
}

/// Whose a workspace is to be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Owner {
    /// A user's id or GitHub login; absent: the asker's own.
    owner: Option<String>,
}

/// Ask for a workspace.
#[utoipa::path(
    post, path = "/api/v1/workspaces", tag = WORKSPACES, params(Owner),
    request_body = NewWorkspace,
    responses((status = 202, description = "Accepted: follow the operation", body = Accepted)),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Query(Owner { owner }): Query<Owner>,
    Body(request): Body<NewWorkspace>,
) -> Answer<Response> {
    let commands = api.commands();
    let ask = || commands.create_workspace(&identity, request.clone(), owner.as_deref(), &context);
    let created = api.sure(ask).await;
    let created = created.map_err(|refusal| refusal.renaming(plain_word))?;
    Ok(accepted(created.into()))
}

/// Workspaces, in the order they were asked for.
#[utoipa::path(
    get, path = "/api/v1/workspaces", tag = WORKSPACES, params(WorkspaceQuery),
    responses((status = 200, description = "A page of them", body = Page<WorkspaceView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(query): Query<WorkspaceQuery>,
) -> Answer<Fresh<Page<WorkspaceView>>> {
    api.visible(query.min_seq).await?;
    let page = api.queries().workspaces(&identity, &query)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// One workspace.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Fresher),
    responses((status = 200, description = "How it stands", body = WorkspaceView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(fresher): Query<Fresher>,
) -> Answer<Fresh<WorkspaceView>> {
    api.visible(fresher.min_seq).await?;
    let workspace = api.workspace(&identity, &id).await?;
    Ok(Fresh::ok(workspace.sequence, workspace))
}

/// The workspace a path names. What cannot be a name is the name of none.
pub(crate) fn workspace_ref(text: &str) -> Result<WorkspaceRef, Refusal> {
    text.parse()
        .map_err(|_| Refusal::not_found("workspace", text))
}

/// A field of a specification, as the first `/api/v1` calls it.
fn seed_word(field: &str) -> String {
    field.replacen("repository.", "repo.", 1)
}

/// A field of a specification, as a plain request has it.
fn plain_word(field: &str) -> String {
    match field {
        "owner" | "name" => field.to_owned(),
        field => format!("spec.{field}"),
    }
}
