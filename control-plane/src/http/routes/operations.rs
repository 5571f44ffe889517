//! Operations: what was asked of workspaces, and how it goes.

use std::time::Duration;

use axum::extract::{Path, State};
use nexus_events::view::{OperationView, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::OPERATIONS;
use crate::http::patience::LONGEST_WAIT;
use crate::http::reply::Fresh;
use crate::queries::OperationQuery;

/// How long to wait for an end.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Answer once nothing is under way any more, or after so many seconds (60 at most).
    pub(super) wait: Option<u64>,
    /// At least this event must be in the answer.
    pub(super) min_seq: Option<u64>,
}

impl Waiting {
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(0).min(LONGEST_WAIT))
    }
}

/// Operations, newest first.
#[utoipa::path(
    get, path = "/api/v1/operations", tag = OPERATIONS, params(OperationQuery),
    responses((status = 200, description = "A page of them", body = Page<OperationView>)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Query(query): Query<OperationQuery>,
) -> Answer<Fresh<Page<OperationView>>> {
    api.visible(query.min_seq).await?;
    let page = api.queries().operations(&identity, &query)?;
    Ok(Fresh::ok(page.sequence, page))
}

/// One operation with its steps.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}", tag = OPERATIONS,
    params(("id" = String, Path, description = "Its id"), Waiting),
    responses((status = 200, description = "How it stands", body = OperationView)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(waiting): Query<Waiting>,
) -> Answer<Fresh<OperationView>> {
    let known = id
        .parse()
        .map_err(|_| Refusal::not_found("operation", &id))?;
    api.visible(waiting.min_seq).await?;
    let ask = || {
        api.queries()
            .settled_operation(&identity, known, waiting.time())
    };
    let operation = api.sure(ask).await?;
    Ok(Fresh::ok(operation.sequence, operation))
}
