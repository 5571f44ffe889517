//! Something used a workspace that its own init cannot see: a connection whose descriptor was
//! handed out carries its bytes past everybody.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use nexus_events::workspace::ActivitySource;
use serde::Deserialize;
use utoipa::ToSchema;

use super::workspaces::workspace_ref;
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::error::Answer;
use crate::http::extract::Body;
use crate::http::openapi::WORKSPACES;

/// What used it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activity {
    source: ActivitySource,
}

/// Tell that something used a workspace. It is written down at most once per source and fifth of
/// the idle time, so telling it every minute costs nothing.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/activity", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name")),
    request_body = Activity,
    responses((status = 204, description = "It counts as used now, if it runs")),
)]
pub(crate) async fn observe(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Path(id): Path<String>,
    Body(activity): Body<Activity>,
) -> Answer<StatusCode> {
    let workspace = workspace_ref(&id)?;
    let ask = || {
        let source = activity.source;
        api.commands()
            .observe_activity(&identity, &workspace, source, &context)
    };
    api.sure(ask).await?;
    Ok(StatusCode::NO_CONTENT)
}
