//! The dashboard's files: for everybody under a name of ours, and nothing else is.

use axum::http::{Method, StatusCode};

use crate::server::Server;

const PAGE: (&str, &str) = ("accept", "text/html");

#[tokio::test]
async fn a_stranger_gets_the_page_and_no_data() {
    let server = Server::start().await;
    for path in ["/", "/workspaces", "/workspaces/hello/terminal?session=new"] {
        let answer = server.nobody().send(Method::GET, path, &[PAGE], None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text.starts_with("<!doctype html>"), "{path}");
        assert_eq!(answer.headers["cache-control"], "no-cache");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("script-src 'self'"), "{policy}");
    }
    for path in ["/api/v1/workspaces", "/machines/x", "/rpc/info", "/metrics"] {
        let answer = server.nobody().send(Method::GET, path, &[PAGE], None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let posted = server.nobody().send(Method::POST, "/", &[PAGE], None).await;
    assert_eq!(posted.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn under_a_foreign_name_there_is_no_page() {
    let server = Server::start().await;
    let headers = [PAGE, ("host", "rebound.example:3001")];
    let answer = server.nobody().send(Method::GET, "/", &headers, None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.body["code"], "FORBIDDEN");
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let server = Server::start().await;
    let first = server.nobody().send(Method::GET, "/", &[PAGE], None).await;
    let tag = first.headers["etag"].to_str().unwrap();
    let headers = [PAGE, ("if-none-match", tag)];
    let again = server.nobody().send(Method::GET, "/", &headers, None).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!(again.text, "");
}
