//! The API's table of contents.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use nexus_events::problem::ProblemCode;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::around::around;
use super::error::{Refusal, SEE_DOCS};
use super::routes::{
    activity, document, events, exec, health, history, holds, keys, lifecycle, log, logs, metrics,
    nodes, operations, parked, projections, settings, ssh, status, timeline, tokens, users,
    workspaces,
};
use super::routes::{previews, sign_in, streams, terminal, terminals, tickets};
use super::{Api, HostNames, facade, openapi};
use crate::app::App;

/// Every route, each with what the document says of it.
fn table() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::bare())
        .routes(routes!(workspaces::create_from_seed))
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::read, lifecycle::remove))
        .routes(routes!(status::read))
        .routes(routes!(lifecycle::start))
        .routes(routes!(lifecycle::stop))
        .routes(routes!(lifecycle::delete))
        .routes(routes!(activity::observe))
        .routes(routes!(holds::place, holds::release))
        .routes(routes!(history::read))
        .routes(routes!(previews::list, previews::open))
        .routes(routes!(previews::close))
        .routes(routes!(timeline::events))
        .routes(routes!(timeline::operations))
        .routes(routes!(logs::read))
        .routes(routes!(exec::run))
        .routes(routes!(operations::list))
        .routes(routes!(operations::read))
        .routes(routes!(events::read))
        .routes(routes!(events::follow))
        .routes(routes!(log::read))
        .routes(routes!(projections::list))
        .routes(routes!(projections::rebuild))
        .routes(routes!(projections::work))
        .routes(routes!(projections::worked))
        .routes(routes!(parked::list))
        .routes(routes!(parked::retry))
        .routes(routes!(parked::discard))
        .routes(routes!(users::register))
        .routes(routes!(users::list))
        .routes(routes!(users::read))
        .routes(routes!(keys::add))
        .routes(routes!(keys::remove))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::revoke))
        .routes(routes!(ssh::authority))
        .routes(routes!(ssh::certify))
        .routes(routes!(settings::credentials, settings::change_credentials))
        .routes(routes!(settings::scripts, settings::change_scripts))
        .routes(routes!(tickets::take))
        .routes(routes!(terminal::open))
        .routes(routes!(terminal::of_machine))
        .routes(routes!(terminal::by_name))
        .routes(routes!(terminals::list))
        .routes(routes!(terminals::close))
        .routes(routes!(streams::ssh))
        .routes(routes!(streams::port))
        .routes(routes!(sign_in::read, sign_in::sign_in, sign_in::sign_out))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::read))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::health))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
        .routes(routes!(document::docs))
        .merge(facade::table())
}

/// The document, without a server.
pub fn document() -> OpenApi {
    openapi::finished(table().into_openapi())
}

/// The API of `app`, with [`around`] around every route and around what is none.
pub fn router(app: App, hosts: HostNames, shutdown: CancellationToken) -> Router {
    let (table, document) = table().split_for_parts();
    let api = Api::new(app, hosts, shutdown, document);
    table
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_like_this)
        .layer(from_fn_with_state(api.clone(), around))
        .with_state(api)
}

async fn nothing_here(request: Request) -> Refusal {
    let path: String = request.uri().path().escape_debug().take(200).collect();
    Refusal::new(
        ProblemCode::NotFound,
        format!("path: there is nothing at `{path}`"),
        SEE_DOCS,
    )
    .naming("path", "unknown")
}

async fn not_like_this(request: Request) -> Refusal {
    let path: String = request.uri().path().escape_debug().take(200).collect();
    let cause = format!("`{}` is not answered at `{path}`", request.method());
    Refusal::new(
        ProblemCode::MethodNotAllowed,
        format!("method: {cause}"),
        SEE_DOCS,
    )
    .naming("method", cause)
}
