//! `/rpc`: the procedures an oRPC client calls, in the wire form of `@orpc/client`'s RPC link.
//!
//! A call is a POST whose body is `{"json": INPUT, "meta": […]}`; the answer is `{"json": OUTPUT}`.
//! `meta` tells which values of `json` stood for something JSON has no form of, which none of these
//! procedures takes. A refusal is `{"json": {"code", "status", "message", "defined", "data"}}` with
//! the problem (RFC 9457) as its data. The client can also be told to call by GET, which is
//! refused: a link must not change anything.

mod call;
mod config;
mod info;
mod refusal;
mod workspaces;

pub(in crate::http) use refusal::{RpcRefusal, written};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;

/// Where all of it is.
const ROOT: &str = "/rpc/";

/// Whether a path is one of the procedures, whose refusals have a form of their own.
pub(in crate::http) fn is_call(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// The routes.
pub(super) fn table() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(workspaces::list))
        .routes(routes!(workspaces::get))
        .routes(routes!(workspaces::create))
        .routes(routes!(workspaces::delete))
        .routes(routes!(workspaces::start))
        .routes(routes!(workspaces::stop))
        .routes(routes!(workspaces::logs))
        .routes(routes!(info::info))
        .routes(routes!(config::credentials))
        .routes(routes!(config::update_credentials))
        .routes(routes!(config::scripts))
        .routes(routes!(config::update_scripts))
}
