//! The document as committed, and the page made of it.
//!
//! A route changed on purpose writes the file anew with
//! `NEXUS_BLESS=1 cargo test -p nexus-control-plane --test http_api document`.

use std::path::Path;

use axum::http::{Method, StatusCode};
use nexus_control_plane::http::{document, document_text};

use crate::server::Server;

#[test]
fn the_committed_document_is_the_one_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = document_text(&document());
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "openapi.json is not what is served; see the head of this file"
    );
}

#[tokio::test]
async fn the_document_is_served_as_it_is_committed() {
    let server = Server::start().await;
    let answer = server.operator().get("/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, serde_json::to_value(document()).expect("JSON"));
    assert_eq!(answer.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_page_needs_nothing_but_itself() {
    let server = Server::start().await;
    let answer = server.operator().get("/docs").await;
    assert_eq!(answer.status, StatusCode::OK);
    let html = answer.body.as_str().expect("text");
    for outward in [
        "<script",
        "<img",
        "<link",
        "http-equiv",
        "url(",
        "@import",
        "src=",
    ] {
        assert!(!html.contains(outward), "{outward}");
    }
    let policy = answer.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for path in document().paths.paths.keys() {
        assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for shown in ["color-scheme:light dark", "light-dark("] {
        assert!(html.replace(": ", ":").contains(shown), "{shown}");
    }
}

#[tokio::test]
async fn a_browser_reads_the_page_with_a_token_as_the_password_and_nothing_else() {
    use base64::Engine as _;
    let server = Server::start().await;
    let user = server.user("alice").await;
    let credentials =
        base64::engine::general_purpose::STANDARD.encode(format!("me:{}", user.token));
    let headers = [("authorization", &*format!("Basic {credentials}"))];
    for (path, status) in [
        ("/docs", StatusCode::OK),
        ("/openapi.json", StatusCode::OK),
        ("/api/v1/workspaces", StatusCode::UNAUTHORIZED),
        ("/metrics", StatusCode::UNAUTHORIZED),
    ] {
        let answer = server
            .nobody()
            .send(Method::GET, path, &headers, None)
            .await;
        assert_eq!(answer.status, status, "{path}");
    }
    let asked = server.nobody().get("/docs").await;
    let challenges: Vec<_> = asked.headers.get_all("www-authenticate").iter().collect();
    assert!(
        challenges
            .iter()
            .any(|value| value.as_bytes().starts_with(b"Basic"))
    );
}
