//! The API's document (OpenAPI 3.1): what it says of the API as a whole. What it says of a route
//! stands at the route, and the router collects both in one call, so they cannot drift apart.

use nexus_events::problem;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};

use super::facade::rpc;

/// Groups of routes, in the order a reader meets them.
pub(super) const WORKSPACES: &str = "workspaces";
pub(super) const OPERATIONS: &str = "operations";
pub(super) const EVENTS: &str = "events";
pub(super) const USERS: &str = "users";
pub(super) const NODES: &str = "nodes";
pub(super) const SERVER: &str = "server";
pub(super) const MACHINES: &str = "machines";
pub(super) const RPC: &str = "rpc";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Nexus",
        description = "Workspaces on request, told by events.\n\nEvery route but `/livez` wants to \
            know who asks: `Authorization: Bearer TOKEN` over TCP, nothing over the local socket \
            (`curl --unix-socket ~/.nexus/daemon.sock http://localhost/health`). A write is \
            accepted (202) once its event is stored; follow it at the `Location` it names. Writes \
            take an `Idempotency-Key`: the same key with the same request answers the same. \
            Replies carry `X-Nexus-Sequence`, the newest event they reflect; a read with \
            `min_seq=N` waits until event N is in it, up to five seconds. A refusal is a problem \
            (RFC 9457) with a stable `code`, the wrong fields and what to do next.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = WORKSPACES, description = "Make, start, stop, delete and use workspaces."),
        (name = OPERATIONS, description = "What was asked of a workspace, and how it goes."),
        (name = EVENTS, description = "The log itself: read it, follow it, mend what was parked."),
        (name = USERS, description = "People, their SSH keys and their tokens."),
        (name = NODES, description = "The machines workspaces run on."),
        (name = SERVER, description = "How the server fares, and this document."),
        (name = MACHINES, description = "The same workspaces as machines, for programs that know no other word."),
        (name = RPC, description = "The same once more as procedures, for clients of oRPC."),
    ),
    components(schemas(nexus_events::problem::Problem, rpc::RpcRefusal)),
    modifiers(&Bearer),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token of `POST /api/v1/tokens`, or the first one in `~/.nexus/token`.",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let none: [String; 0] = [];
        document.security = Some(vec![SecurityRequirement::new("bearer", none)]);
    }
}

/// The document before any route has added itself.
pub(super) fn bare() -> OpenApi {
    Document::openapi()
}

/// The document once every route is in: each may also answer with a problem.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let (content_type, schema) = if rpc::is_call(path) {
            ("application/json", "RpcRefusal")
        } else {
            (problem::CONTENT_TYPE, "Problem")
        };
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let refusal = ResponseBuilder::new()
                .description("Refused: the problem says why, and what to do")
                .content(
                    content_type,
                    Content::new(Some(Ref::from_schema_name(schema))),
                )
                .build();
            operation
                .responses
                .responses
                .insert("default".into(), refusal.into());
        }
    }
    document
}

/// The document as it is served and committed: indented JSON with a newline at its end.
pub fn written(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
