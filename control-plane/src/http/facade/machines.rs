//! `/machines`: a machine is a workspace, its id the workspace's as a plain UUID, its states
//! `created`, `starting`, `running`, `stopping`, `stopped`, `error`.

use axum::Json;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, LOCATION};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use nexus_events::id::WorkspaceId;
use nexus_events::spec::{Resources, WorkspaceSpec};
use nexus_events::status::MachineStatus;
use nexus_events::view::{Accepted, NewWorkspace, WorkspaceView};
use nexus_events::workspace::OperationKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{Body, Query};
use crate::http::openapi::MACHINES;
use crate::http::reply::Fresh;
use crate::queries::WorkspaceRef;

/// The routes.
pub(super) fn table() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(read, destroy))
        .routes(routes!(start))
        .routes(routes!(stop))
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Machine {
    /// Its id.
    #[schema(value_type = String)]
    id: Uuid,
    /// What its owner calls it.
    name: String,
    /// Where it stands.
    status: MachineStatus,
    /// What it was made from, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When something last used it.
    last_activity: Timestamp,
    /// Why it is in error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a machine is to be; every part has a default.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMachine {
    /// What it is to be called; absent: a name is made up.
    #[serde(default)]
    name: Option<String>,
    /// What it is made of.
    #[serde(default)]
    config: MachineConfig,
}

/// What a machine is made of.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MachineConfig {
    /// The image; absent: the base image.
    #[serde(default)]
    image: Option<String>,
    /// Its size; absent: the server's default.
    #[serde(default)]
    guest: Option<MachineGuest>,
}

/// The size of a machine.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MachineGuest {
    /// Taken for compatibility: cores are shared.
    #[serde(default, rename = "cpu_kind")]
    _cpu_kind: Option<String>,
    /// Cores.
    cpus: u32,
    /// MiB.
    memory_mb: u32,
}

/// Whose a machine is to be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Owner {
    /// A user's id or GitHub login; absent: the asker's own.
    owner: Option<String>,
}

/// A body that may be left out.
struct Optional<T>(T);

impl<T: Default + serde::de::DeserializeOwned> FromRequest<Api> for Optional<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        let Body(body) = Body::<Option<T>>::from_request(request, api).await?;
        Ok(Self(body.unwrap_or_default()))
    }
}

/// Make a machine.
#[utoipa::path(
    post, path = "/machines", tag = MACHINES, params(Owner), request_body = Option<NewMachine>,
    responses((status = 201, description = "It is being made", body = Machine)),
)]
async fn create(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Query(Owner { owner }): Query<Owner>,
    Optional(request): Optional<NewMachine>,
) -> Answer<Response> {
    let request = workspace_of(&api, request)?;
    let created = api
        .commands()
        .create_workspace(&identity, request, owner.as_deref(), &context)
        .await;
    let created = created.map_err(|error| Refusal::from(error).renaming(word))?;
    api.in_force(created.sequence).await;
    let reference = WorkspaceRef::Id(created.workspace);
    let machine = machine(api.queries().workspace(&identity, &reference)?)?;
    let location = format!("/machines/{}", machine.id);
    let mut response = (StatusCode::CREATED, Json(machine)).into_response();
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, value);
    }
    Ok(response)
}

/// How a machine stands.
#[utoipa::path(
    get, path = "/machines/{id}", tag = MACHINES,
    params(("id" = String, Path, description = "Its id, a UUID")),
    responses((status = 200, description = "How it stands", body = Machine)),
)]
async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Answer<Fresh<Machine>> {
    let workspace = reference(&id)?;
    api.visible(None).await?;
    let ask = || std::future::ready(api.queries().workspace(&identity, &workspace));
    let view = api.sure(ask).await?;
    Ok(Fresh::ok(view.sequence, machine(view)?))
}

/// Bring a stopped machine up.
#[utoipa::path(
    post, path = "/machines/{id}/start", tag = MACHINES,
    params(("id" = String, Path, description = "Its id, a UUID")),
    responses((status = 200, description = "It runs, or is on its way", body = Machine)),
)]
async fn start(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<Fresh<Machine>> {
    let workspace = reference(&id)?;
    let ask = || {
        api.commands()
            .start_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    after(&api, &identity, &accepted).await
}

/// Bring a running machine down; its files are kept.
#[utoipa::path(
    post, path = "/machines/{id}/stop", tag = MACHINES,
    params(("id" = String, Path, description = "Its id, a UUID")),
    responses((status = 200, description = "It is down, or on its way", body = Machine)),
)]
async fn stop(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<Fresh<Machine>> {
    let workspace = reference(&id)?;
    let ask = || {
        api.commands()
            .stop_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    after(&api, &identity, &accepted).await
}

/// Destroy a machine and its files.
#[utoipa::path(
    delete, path = "/machines/{id}", tag = MACHINES,
    params(("id" = String, Path, description = "Its id, a UUID")),
    responses((status = 204, description = "It is gone, or on its way")),
)]
async fn destroy(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let workspace = reference(&id)?;
    let ask = || {
        api.commands()
            .delete_workspace(&identity, &workspace, &context)
    };
    let accepted = api.sure(ask).await?;
    api.in_force(accepted.sequence).await;
    Ok(StatusCode::NO_CONTENT)
}

/// How a machine stands once what was accepted is in force.
async fn after(
    api: &Api,
    identity: &crate::identity::Identity,
    accepted: &Accepted,
) -> Answer<Fresh<Machine>> {
    api.in_force(accepted.sequence).await;
    let reference = WorkspaceRef::Id(accepted.workspace);
    let view = api.queries().workspace(identity, &reference)?;
    Ok(Fresh::ok(view.sequence, machine(view)?))
}

fn reference(id: &str) -> Result<WorkspaceRef, Refusal> {
    let id: Uuid = id.parse().map_err(|_| Refusal::not_found("machine", id))?;
    Ok(WorkspaceRef::Id(WorkspaceId::from_uuid(id)))
}

/// A destroyed machine is not found.
fn machine(view: WorkspaceView) -> Result<Machine, Refusal> {
    let id = view.id.uuid();
    let status = status(&view).ok_or_else(|| Refusal::not_found("machine", &id.to_string()))?;
    Ok(Machine {
        id,
        name: view.name.to_string(),
        status,
        image: view.image,
        created_at: view.created_at,
        last_activity: view.activity.into_values().max().unwrap_or(view.created_at),
        error: view.failure.map(|failure| failure.cause),
    })
}

/// One that was stopped and waits for a worker is not new any more.
fn status(view: &WorkspaceView) -> Option<MachineStatus> {
    let again = view
        .operation
        .as_ref()
        .is_some_and(|operation| operation.kind == OperationKind::Start);
    MachineStatus::of(view.phase).map(|status| match status {
        MachineStatus::Created if again => MachineStatus::Starting,
        status => status,
    })
}

fn workspace_of(api: &Api, machine: NewMachine) -> Result<NewWorkspace, Refusal> {
    let hint = "see the form of the request at /docs";
    let name = machine
        .name
        .unwrap_or_else(|| format!("machine-{:08x}", rand::random::<u32>()));
    let name = name
        .parse()
        .map_err(|error| Refusal::invalid("name", format!("{error}"), hint))?;
    let image = machine.config.image.map(|image| image.parse()).transpose();
    let image =
        image.map_err(|error| Refusal::invalid("config.image", format!("{error}"), hint))?;
    let mut spec = WorkspaceSpec::on(api.commands().preferred_provider()?);
    spec.image = image;
    if let Some(guest) = machine.config.guest {
        spec.resources = Resources {
            cpu_milli: guest.cpus.saturating_mul(1000),
            memory_mib: guest.memory_mb,
            ..spec.resources
        };
    }
    Ok(NewWorkspace { name, spec })
}

/// A field of a specification, as a machine has it.
fn word(field: &str) -> String {
    match field {
        "image" => "config.image".into(),
        "resources.cpu_milli" => "config.guest.cpus".into(),
        "resources.memory_mib" => "config.guest.memory_mb".into(),
        other => other.into(),
    }
}
