//! Previews of a workspace: which there are, a way into one, and its end.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use nexus_events::view::{OpenPreviewRequest, OpenedPreview, PreviewView};

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Body;
use crate::http::openapi::WORKSPACES;
use crate::http::reply::Fresh;
use crate::preview::HostName;

/// The services of a workspace that have a port, each with where a browser finds it.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/previews", tag = WORKSPACES,
    operation_id = "list_previews",
    params(("id" = String, Path, description = "Its id, or its name")),
    responses((status = 200, description = "All of them", body = Vec<PreviewView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Answer<Fresh<Vec<PreviewView>>> {
    api.visible(None).await?;
    let view = api.workspace(&identity, &id).await?;
    let preview = |(name, service): (
        nexus_events::name::ServiceName,
        nexus_events::view::ServiceView,
    )| {
        let host = HostName::new(view.id, service.port?).ok()?;
        Some(PreviewView {
            service: Some(name),
            port: host.port,
            url: api.previews().url(host),
        })
    };
    let previews = view.services.into_iter().filter_map(preview).collect();
    Ok(Fresh::ok(view.sequence, previews))
}

/// A way for a browser into any port of a workspace, whether or not something listens there yet.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/previews", tag = WORKSPACES,
    operation_id = "open_preview",
    params(("id" = String, Path, description = "Its id, or its name")),
    request_body = OpenPreviewRequest,
    responses((status = 200, description = "The way in, which counts once", body = OpenedPreview)),
)]
pub(crate) async fn open(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Body(request): Body<OpenPreviewRequest>,
) -> Answer<Fresh<OpenedPreview>> {
    let view = api.workspace(&identity, &id).await?;
    let host = host(&view, request.port)?;
    let way_in = api
        .previews()
        .way_in(identity, host)
        .map_err(Refusal::internal)?;
    let opened = OpenedPreview {
        url: api.previews().url(host),
        enter_url: way_in.enter_url,
        expires_at: way_in.expires_at,
    };
    Ok(Fresh::ok(view.sequence, opened))
}

/// Show out whoever was let into a preview; what they have open there ends.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}/previews/{port}", tag = WORKSPACES,
    operation_id = "close_preview",
    params(
        ("id" = String, Path, description = "Its id, or its name"),
        ("port" = u16, Path, description = "The port inside"),
    ),
    responses((status = 204, description = "Nobody is let in any more without a new ticket")),
)]
pub(crate) async fn close(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((id, port)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let view = api.workspace(&identity, &id).await?;
    let port = port
        .parse()
        .map_err(|_| wrong("it is a number from 1 to 65535"))?;
    let closing = api.previews().close(&identity, host(&view, port)?);
    closing.await.map_err(Refusal::log_unavailable)?;
    Ok(StatusCode::NO_CONTENT)
}

fn host(view: &nexus_events::view::WorkspaceView, port: u16) -> Result<HostName, Refusal> {
    HostName::new(view.id, port).map_err(|error| wrong(&error.to_string()))
}

fn wrong(cause: &str) -> Refusal {
    Refusal::invalid("port", cause, "for example `{\"port\":3000}`")
}
