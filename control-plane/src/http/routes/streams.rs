//! Bare byte streams into a workspace: its SSH server, or a port on its loopback.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use nexus_init_protocol::DialTarget;

use crate::gateway::ReachError;
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::WORKSPACES;
use crate::http::streams::{self, Asked, Way};

/// A stream to the SSH server of a workspace: HTTP/1.1 `Upgrade: nexus.stream.v1`, then bare bytes;
/// shutting down one direction is passed on. A stopped workspace is started first.
///
/// Over the local socket `X-Nexus-Descriptor: yes` asks for the connected descriptor instead: after
/// the 101 comes one byte, 1 with the descriptor beside it, or 0, and bytes follow all the same.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/ssh", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    responses((status = 101, description = "Bytes follow")),
)]
pub(crate) async fn ssh(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let view = api.workspace(&identity, &id).await?;
    let asked = Asked::of(request, &identity)?;
    let (view, client) = streams::awake(&api, &identity, view.id).await?;
    let way = Way::ssh(&client, asked.wants_descriptor).await;
    let way = way.map_err(|error| ReachError::init(&view, error))?;
    streams::upgraded(&api, &identity, asked, way)
}

/// A stream to a port on a workspace's loopback; as the one to its SSH server.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/ports/{port}", tag = WORKSPACES,
    params(
        ("id" = String, Path, description = "Its id, or its name"),
        ("port" = String, Path, description = "The port inside, 1 to 65535"),
    ),
    responses((status = 101, description = "Bytes follow")),
)]
pub(crate) async fn port(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((id, port)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let view = api.workspace(&identity, &id).await?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        let hint = "give the port a program inside listens on";
        Refusal::invalid("port", "1 to 65535", hint)
    })?;
    let asked = Asked::of(request, &identity)?;
    let (view, client) = streams::awake(&api, &identity, view.id).await?;
    let way = Way::dial(&client, &DialTarget::Port(port), asked.wants_descriptor).await;
    let way = way.map_err(|error| ReachError::init(&view, error))?;
    streams::upgraded(&api, &identity, asked, way)
}
