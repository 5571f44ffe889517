//! `workspaces.*`: by name, as these clients know them.

use std::collections::BTreeMap;

use axum::extract::State;
use jiff::Timestamp;
use nexus_events::spec::{Repository, RepositoryUrl, WorkspaceSpec};
use nexus_events::status::RpcStatus;
use nexus_events::view::NewWorkspace;
use nexus_events::workspace::Workspace;
use nexus_nats::LogFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Bare, Call, NoInput, RpcInput, RpcOutput};
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::RPC;
use crate::http::routes::{last_pieces, workspace_ref};
use crate::identity::Identity;
use crate::projections::Record;
use crate::queries::{WorkspaceQuery, WorkspaceRef};

/// Pieces of output `logs` gives unless told how many.
const PIECES: usize = 1_000;

/// A workspace in the words of these clients.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkspaceInfo {
    /// What its owner calls it.
    name: String,
    /// Where it stands.
    status: RpcStatus,
    /// The machine as its provider names it; empty before there is one.
    container_id: String,
    /// When it was asked for.
    created: Timestamp,
    /// What was cloned into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    /// How to reach it.
    ports: WorkspacePorts,
}

/// WorkspacePorts of the node that lead into a workspace.
#[derive(Debug, Serialize, ToSchema)]
struct WorkspacePorts {
    /// SSH; 0 where every pool was empty.
    ssh: u16,
    /// The first service that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
}

/// One workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkspaceNamed {
    /// Its name.
    name: String,
}

/// A workspace to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkspaceToMake {
    /// What it is to be called.
    name: String,
    /// What is cloned into it.
    #[serde(default)]
    clone: Option<String>,
    /// Environment of its services and shells. Nothing secret: it is written to the log.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// RpcOutput to be read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkspaceLogs {
    /// The workspace's name.
    name: String,
    /// Only the last so many pieces.
    #[serde(default)]
    tail: Option<u16>,
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkspaceDone {
    success: bool,
}

/// The caller's workspaces.
#[utoipa::path(
    post, path = "/rpc/workspaces/list", tag = RPC, operation_id = "rpc_workspaces_list",
    request_body = Option<NoInput>,
    responses((status = 200, description = "All of them", body = RpcOutput<Vec<WorkspaceInfo>>)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    _: Bare,
) -> Answer<RpcOutput<Vec<WorkspaceInfo>>> {
    api.visible(None).await?;
    let (mut json, mut query) = (Vec::new(), WorkspaceQuery::default());
    loop {
        let page = api.queries().workspaces(&identity, &query)?;
        for view in page.items {
            json.extend(known(&api, &identity, &WorkspaceRef::Id(view.id))?);
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(RpcOutput { json }),
        }
    }
}

/// One workspace.
#[utoipa::path(
    post, path = "/rpc/workspaces/get", tag = RPC, operation_id = "rpc_workspaces_get",
    request_body = RpcInput<WorkspaceNamed>,
    responses((status = 200, description = "How it stands", body = RpcOutput<WorkspaceInfo>)),
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Call(input): Call<WorkspaceNamed>,
) -> Answer<RpcOutput<WorkspaceInfo>> {
    api.visible(None).await?;
    let view = api.workspace(&identity, &input.name).await?;
    shown(&api, &identity, &WorkspaceRef::Id(view.id))
}

/// Make a workspace and bring it up.
#[utoipa::path(
    post, path = "/rpc/workspaces/create", tag = RPC, operation_id = "rpc_workspaces_create",
    request_body = RpcInput<WorkspaceToMake>,
    responses((status = 200, description = "It is being made", body = RpcOutput<WorkspaceInfo>)),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(input): Call<WorkspaceToMake>,
) -> Answer<RpcOutput<WorkspaceInfo>> {
    let request = workspace_of(&api, input)?;
    let created = api
        .commands()
        .create_workspace(&identity, request, None, &context)
        .await;
    let created = created.map_err(|error| Refusal::from(error).renaming(word))?;
    api.in_force(created.sequence).await;
    shown(&api, &identity, &WorkspaceRef::Id(created.workspace))
}

/// Remove a workspace and its files.
#[utoipa::path(
    post, path = "/rpc/workspaces/delete", tag = RPC, operation_id = "rpc_workspaces_delete",
    request_body = RpcInput<WorkspaceNamed>,
    responses((status = 200, description = "It is gone, or on its way", body = RpcOutput<WorkspaceDone>)),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(input): Call<WorkspaceNamed>,
) -> Answer<RpcOutput<WorkspaceDone>> {
    let workspace = workspace_ref(&input.name)?;
    let ask = || {
        api.commands()
            .delete_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    api.in_force(accepted.sequence).await;
    let json = WorkspaceDone { success: true };
    Ok(RpcOutput { json })
}

/// Bring a workspace up.
#[utoipa::path(
    post, path = "/rpc/workspaces/start", tag = RPC, operation_id = "rpc_workspaces_start",
    request_body = RpcInput<WorkspaceNamed>,
    responses((status = 200, description = "It runs, or is on its way", body = RpcOutput<WorkspaceInfo>)),
)]
pub(super) async fn start(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(input): Call<WorkspaceNamed>,
) -> Answer<RpcOutput<WorkspaceInfo>> {
    let workspace = workspace_ref(&input.name)?;
    let ask = || {
        api.commands()
            .start_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    api.in_force(accepted.sequence).await;
    shown(&api, &identity, &WorkspaceRef::Id(accepted.workspace))
}

/// Bring a workspace down; its files are kept.
#[utoipa::path(
    post, path = "/rpc/workspaces/stop", tag = RPC, operation_id = "rpc_workspaces_stop",
    request_body = RpcInput<WorkspaceNamed>,
    responses((status = 200, description = "It is down, or on its way", body = RpcOutput<WorkspaceInfo>)),
)]
pub(super) async fn stop(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(input): Call<WorkspaceNamed>,
) -> Answer<RpcOutput<WorkspaceInfo>> {
    let workspace = workspace_ref(&input.name)?;
    let ask = || {
        api.commands()
            .stop_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    api.in_force(accepted.sequence).await;
    shown(&api, &identity, &WorkspaceRef::Id(accepted.workspace))
}

/// What the steps and services of a workspace said, as one text.
#[utoipa::path(
    post, path = "/rpc/workspaces/logs", tag = RPC, operation_id = "rpc_workspaces_logs",
    request_body = RpcInput<WorkspaceLogs>,
    responses((status = 200, description = "The text", body = RpcOutput<String>)),
)]
pub(super) async fn logs(
    State(api): State<Api>,
    Caller(identity): Caller,
    Call(input): Call<WorkspaceLogs>,
) -> Answer<RpcOutput<String>> {
    let workspace = api.workspace(&identity, &input.name).await?.id;
    let most = input.tail.map_or(PIECES, usize::from);
    let logs = api.step_logs()?;
    let pieces = last_pieces(&logs, &LogFilter::of(workspace), most)
        .await
        .map_err(Refusal::log_unavailable)?;
    let json = pieces.into_iter().map(|piece| piece.chunk.text).collect();
    Ok(RpcOutput { json })
}

fn shown(
    api: &Api,
    identity: &Identity,
    reference: &WorkspaceRef,
) -> Answer<RpcOutput<WorkspaceInfo>> {
    let json = known(api, identity, reference)?
        .ok_or_else(|| Refusal::not_found("workspace", &reference.to_string()))?;
    Ok(RpcOutput { json })
}

/// `None` once it is deleted.
fn known(
    api: &Api,
    identity: &Identity,
    reference: &WorkspaceRef,
) -> Answer<Option<WorkspaceInfo>> {
    let (_, record) = api.queries().find(identity, reference)?;
    Ok(info(&record))
}

fn info(record: &Record<Workspace>) -> Option<WorkspaceInfo> {
    let state = &record.state;
    let definition = state.definition.as_ref()?;
    let machine = state.machine.as_ref();
    let repository = definition.spec.repository.as_ref();
    Some(WorkspaceInfo {
        name: definition.name.to_string(),
        status: RpcStatus::of(state.phase)?,
        container_id: machine.map_or_else(String::new, |machine| machine.handle.clone()),
        created: definition.requested_at,
        repo: repository.map(|repository| repository.url.to_string()),
        ports: WorkspacePorts {
            ssh: definition.ssh_port.unwrap_or_default(),
            http: state
                .services
                .values()
                .find_map(|service| service.mapped_port),
        },
    })
}

fn workspace_of(api: &Api, new: WorkspaceToMake) -> Result<NewWorkspace, Refusal> {
    let hint = "see the form of the call at /docs";
    let wrong = |field, cause: String| Refusal::invalid(field, cause, hint);
    let name = new
        .name
        .parse()
        .map_err(|error| wrong("name", format!("{error}")))?;
    let mut spec = WorkspaceSpec::on(api.commands().preferred_provider()?);
    spec.environment = new.env;
    if let Some(text) = new.clone {
        let url: RepositoryUrl = text
            .parse()
            .map_err(|error| wrong("clone", format!("{error}")))?;
        let (owner, name) = url
            .segments()
            .ok_or_else(|| wrong("clone", "it names no owner and repository".into()))?;
        spec.repository = Some(Repository {
            owner,
            name,
            url,
            branch: None,
        });
    }
    Ok(NewWorkspace { name, spec })
}

/// A field of a specification, as a call has it.
fn word(field: &str) -> String {
    match field.split_once('.') {
        Some(("repository", _)) => "clone".into(),
        Some(("environment", rest)) => format!("env.{rest}"),
        _ => field.into(),
    }
}
