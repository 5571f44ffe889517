//! Browsers: the cookie they are let in by, and what it does not let other pages do.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::server::{Answer, Server, User};

const OURS: (&str, &str) = ("origin", "http://127.0.0.1:3001");

async fn sign_in(server: &Server, token: &str) -> Answer {
    let body = json!({ "token": token });
    server
        .nobody()
        .send(Method::POST, "/api/v1/sign-in", &[OURS], Some(&body))
        .await
}

/// The cookie a browser keeps, as it sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().expect("text");
    set.split(';').next().expect("a pair").to_owned()
}

async fn with(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.nobody().send(method, path, headers, None).await
}

#[tokio::test]
async fn a_browser_is_let_in_by_its_cookie_until_it_signs_out() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let answer = sign_in(&server, &ada.token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.body["user_id"], ada.id);
    assert_eq!(answer.body["operator"], false);
    let set = answer.headers["set-cookie"].to_str().expect("text");
    assert!(set.starts_with("__Host-nexus=nxs_"), "{set}");
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{part} in {set}");
    }
    assert!(
        !set.contains(&ada.token),
        "the browser has a token of its own"
    );

    let cookie = cookie(&answer);
    let cookie = ("cookie", cookie.as_str());
    let seen = with(&server, Method::GET, "/api/v1/sign-in", &[cookie]).await;
    assert_eq!(seen.body["user_id"], ada.id, "{}", seen.body);
    let out = with(&server, Method::DELETE, "/api/v1/sign-in", &[cookie, OURS]).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let cleared = out.headers["set-cookie"].to_str().expect("text");
    assert!(cleared.contains("Max-Age=0"), "{cleared}");
    let after = with(&server, Method::GET, "/api/v1/sign-in", &[cookie]).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    let own = server.bearer(&ada.token).get("/api/v1/sign-in").await;
    assert_eq!(own.status, StatusCode::OK, "her other token stays");
}

#[tokio::test]
async fn the_cookie_counts_for_our_own_pages_alone() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let cookie = cookie(&sign_in(&server, &ada.token).await);
    let cookie = ("cookie", cookie.as_str());
    let before = server.last_sequence().await;
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    for (origin, status) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("null"), StatusCode::FORBIDDEN),
        (Some("http://evil.example"), StatusCode::FORBIDDEN),
        (Some("http://127.0.0.1:3002"), StatusCode::FORBIDDEN),
        (Some("http://localhost:3001"), StatusCode::FORBIDDEN),
    ] {
        let mut headers = vec![cookie];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = with(&server, Method::POST, "/api/v1/tickets", &headers).await;
        assert_eq!(answer.status, status, "POST from {origin:?}");
        headers.extend(upgrade);
        let answer = with(&server, Method::GET, "/api/v1/events/ws", &headers).await;
        assert_eq!(answer.status, status, "upgrade from {origin:?}");
    }
    let cross = ("sec-fetch-site", "cross-site");
    let answer = with(&server, Method::GET, "/api/v1/workspaces", &[cookie, cross]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = with(&server, Method::POST, "/api/v1/tickets", &[cookie, OURS]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert_eq!(server.last_sequence().await, before, "nothing was changed");
}

#[tokio::test]
async fn no_get_changes_anything() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let before = server.last_sequence().await;
    let document = serde_json::to_value(nexus_control_plane::http::document()).expect("JSON");
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() || path.ends_with("/events") {
            continue;
        }
        let path = path.replace(['{', '}'], "");
        server.bearer(&ada.token).get(&path).await;
    }
    assert_eq!(server.last_sequence().await, before);
}

#[tokio::test]
async fn who_guesses_tokens_has_to_wait() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    for _ in 0..5 {
        let answer = sign_in(&server, "nxs_wrong").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!answer.text.contains("nxs_wrong"));
    }
    let answer = sign_in(&server, &ada.token).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn the_operator_is_nobodys_user() {
    let server = Server::start().await;
    let answer = server.operator().get("/api/v1/sign-in").await;
    assert_eq!(answer.body["operator"], true);
    assert!(answer.body.get("user_id").is_none());
    let User { id, .. } = server.user("ada").await;
    assert!(!answer.text.contains(&id));
}
