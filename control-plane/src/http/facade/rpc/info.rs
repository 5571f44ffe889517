//! `info`: the server in a few figures.

use axum::extract::State;
use nexus_events::spec::Provider;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Bare, NoInput, RpcOutput};
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::Answer;
use crate::http::openapi::RPC;
use crate::queries::WorkspaceQuery;

/// The server in a few figures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerInfo {
    /// The machine it runs on.
    hostname: String,
    /// Seconds since it started.
    uptime: u64,
    /// Workspaces of the caller that are not deleted.
    workspaces_count: u64,
    /// The container engine of a node that drives one; empty without.
    docker_version: String,
    /// Terminals that are open.
    terminal_connections: u64,
}

/// The server in a few figures.
#[utoipa::path(
    post, path = "/rpc/info", tag = RPC, operation_id = "rpc_info", request_body = Option<NoInput>,
    responses((status = 200, description = "The figures", body = RpcOutput<ServerInfo>)),
)]
pub(super) async fn info(
    State(api): State<Api>,
    Caller(identity): Caller,
    _: Bare,
) -> Answer<RpcOutput<ServerInfo>> {
    let app = api.app();
    let nodes = api.queries().nodes(&identity)?;
    let docker = nodes
        .items
        .into_iter()
        .find(|node| node.profile.provider == Provider::Docker);
    let uptime = app.now().duration_since(app.started()).as_secs();
    let json = ServerInfo {
        hostname: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        uptime: uptime.try_into().unwrap_or_default(),
        workspaces_count: count(&api, &identity)?,
        docker_version: docker.map(|node| node.profile.engine).unwrap_or_default(),
        terminal_connections: api.terminals().open_terminals(),
    };
    Ok(RpcOutput { json })
}

fn count(api: &Api, identity: &crate::identity::Identity) -> Answer<u64> {
    let (mut count, mut query) = (0, WorkspaceQuery::default());
    loop {
        let page = api.queries().workspaces(identity, &query)?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(count),
        }
    }
}
