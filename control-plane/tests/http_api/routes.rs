//! The table of routes, and that none of them answers a stranger.

use axum::http::{Method, StatusCode};
use nexus_control_plane::http::document;
use serde_json::{Value, json};

use crate::server::Server;

/// Every route there is; a new one is added here on purpose.
const TABLE: &str = "
    DELETE /api/v1/sign-in
    DELETE /api/v1/tokens/{id}
    DELETE /api/v1/users/{id}/keys/{fingerprint}
    DELETE /api/v1/workspaces/{id}
    DELETE /api/v1/workspaces/{id}/holds/{name}
    DELETE /api/v1/workspaces/{id}/previews/{port}
    DELETE /api/v1/workspaces/{id}/terminals/{session}
    DELETE /machines/{id}
    GET /api/v1/events
    GET /api/v1/events/ws
    GET /api/v1/log
    GET /api/v1/nodes
    GET /api/v1/nodes/{id}
    GET /api/v1/operations
    GET /api/v1/operations/{id}
    GET /api/v1/parked
    GET /api/v1/projections
    GET /api/v1/projections/work
    GET /api/v1/settings/credentials
    GET /api/v1/settings/scripts
    GET /api/v1/sign-in
    GET /api/v1/ssh/authority
    GET /api/v1/tokens
    GET /api/v1/users
    GET /api/v1/users/{id}
    GET /api/v1/workspaces
    GET /api/v1/workspaces/{id}
    GET /api/v1/workspaces/{id}/at/{sequence}
    GET /api/v1/workspaces/{id}/events
    GET /api/v1/workspaces/{id}/logs
    GET /api/v1/workspaces/{id}/operations
    GET /api/v1/workspaces/{id}/ports/{port}
    GET /api/v1/workspaces/{id}/previews
    GET /api/v1/workspaces/{id}/ssh
    GET /api/v1/workspaces/{id}/status
    GET /api/v1/workspaces/{id}/terminal
    GET /api/v1/workspaces/{id}/terminals
    GET /docs
    GET /health
    GET /livez
    GET /machines/{id}
    GET /machines/{id}/terminal
    GET /metrics
    GET /openapi.json
    GET /readyz
    GET /terminal/{name}
    POST /api/v1/parked/{sequence}/discard
    POST /api/v1/parked/{sequence}/retry
    POST /api/v1/projections/rebuild
    POST /api/v1/projections/{work}
    POST /api/v1/sign-in
    POST /api/v1/ssh/certificates
    POST /api/v1/tickets
    POST /api/v1/tokens
    POST /api/v1/users/register
    POST /api/v1/users/{id}/keys
    POST /api/v1/workspaces
    POST /api/v1/workspaces/create
    POST /api/v1/workspaces/{id}/activity
    POST /api/v1/workspaces/{id}/delete
    POST /api/v1/workspaces/{id}/exec
    POST /api/v1/workspaces/{id}/previews
    POST /api/v1/workspaces/{id}/start
    POST /api/v1/workspaces/{id}/stop
    POST /machines
    POST /machines/{id}/start
    POST /machines/{id}/stop
    POST /rpc/config/credentials/get
    POST /rpc/config/credentials/update
    POST /rpc/config/scripts/get
    POST /rpc/config/scripts/update
    POST /rpc/info
    POST /rpc/workspaces/create
    POST /rpc/workspaces/delete
    POST /rpc/workspaces/get
    POST /rpc/workspaces/list
    POST /rpc/workspaces/logs
    POST /rpc/workspaces/start
    POST /rpc/workspaces/stop
    PUT /api/v1/settings/credentials
    PUT /api/v1/settings/scripts
    PUT /api/v1/workspaces/{id}/holds/{name}
";

/// Every route of the document, as `METHOD path`, in order.
fn documented() -> Vec<String> {
    let document = serde_json::to_value(document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let routes = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an item").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let mut routes: Vec<String> = routes.collect();
    routes.sort();
    routes
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let expected: Vec<&str> = TABLE
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(documented(), expected);
}

#[test]
fn every_route_says_what_it_is_for_and_how_it_refuses() {
    let document = serde_json::to_value(document()).expect("JSON");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(summary.ends_with('.'), "{method} {path}: {summary}");
            let (content, schema) = match path.starts_with("/rpc/") {
                true => ("application/json", "RpcRefusal"),
                false => ("application/problem+json", "Problem"),
            };
            let refusal = &operation["responses"]["default"]["content"][content];
            assert_eq!(
                refusal["schema"]["$ref"],
                format!("#/components/schemas/{schema}"),
                "{method} {path}"
            );
            let tags = operation["tags"].as_array().map_or(0, Vec::len);
            assert_eq!(tags, 1, "{method} {path} is in one group");
        }
    }
}

#[tokio::test]
async fn no_route_but_livez_answers_a_stranger() {
    let server = Server::start().await;
    let before = server.last_sequence().await;
    for route in documented() {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let path = path.replace(['{', '}'], "");
        for token in [None, Some("nxs_not-a-token"), Some("")] {
            let authorization = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<(&str, &str)> = authorization
                .iter()
                .map(|value| ("authorization", value.as_str()))
                .collect();
            // The one route that takes a token in its body.
            let body = (route == "POST /api/v1/sign-in").then(|| json!({"token": "nxs_not-one"}));
            let answer = server
                .nobody()
                .send(method.clone(), &path, &headers, body.as_ref())
                .await;
            if path == "/livez" {
                assert_eq!(answer.status, StatusCode::OK);
                assert_eq!(answer.body, Value::String("ok\n".into()));
                continue;
            }
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{route}: {}",
                answer.body
            );
            let problem = match path.starts_with("/rpc/") {
                true => &answer.body["json"]["data"],
                false => &answer.body,
            };
            assert_eq!(problem["code"], "AUTHENTICATION_ERROR", "{route}");
            let challenge = answer.headers.get("www-authenticate");
            assert_eq!(
                challenge.is_some_and(|value| value.as_bytes().starts_with(b"Bearer")),
                body.is_none(),
                "{route}"
            );
        }
    }
    for path in ["/api", "/api/v2/workspaces", "/livez/", "/LIVEZ", "//livez"] {
        let answer = server.nobody().get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(server.last_sequence().await, before);
}

#[tokio::test]
async fn another_user_of_the_machine_is_a_stranger_on_the_socket() {
    use axum::body::Body;
    use axum::http::Request;
    use nexus_control_plane::http::Peer;
    use tower::ServiceExt as _;

    let server = Server::start().await;
    let own = rustix::process::geteuid().as_raw();
    for (user, status) in [
        (own, StatusCode::OK),
        (0, StatusCode::OK),
        (own.wrapping_add(4711), StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::get("/health").extension(Peer::Local { user });
        let request = request.body(Body::empty()).expect("a request");
        let answer = server
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("infallible");
        assert_eq!(answer.status(), status, "{user}");
    }
}
