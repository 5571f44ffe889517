//! Other shapes of the same API, for programs written against them. A façade translates words
//! and nothing else: every request becomes one of the commands or queries the plain routes use, so
//! there is no second way to decide, to own, or to be refused.

pub(super) mod machines;
pub(super) mod rpc;

use utoipa_axum::router::OpenApiRouter;

use super::Api;

/// The routes of every façade.
pub(super) fn table() -> OpenApiRouter<Api> {
    machines::table().merge(rpc::table())
}
