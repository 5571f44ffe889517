//! What other pages, strangers and other users do not get.

use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::scene::{Person, Scene};
use crate::viewer::Viewer;

const TERMINAL: &str = "/api/v1/workspaces/hello/terminal";

async fn ticket(scene: &Scene, person: &Person) -> String {
    let head = format!(
        "POST /api/v1/tickets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\
         authorization: Bearer {}\r\nconnection: close\r\n\r\n",
        person.token
    );
    let (status, body) = crate::streams::plain(scene, &head, b"").await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let Value::String(ticket) = &body["ticket"] else {
        panic!("{body}")
    };
    ticket.clone()
}

async fn refused(scene: &Scene, path: &str, headers: &[(&'static str, &str)]) -> StatusCode {
    match Viewer::try_open(scene, path, headers).await {
        Ok(_) => panic!("{path} was opened with {headers:?}"),
        Err(status) => status,
    }
}

#[tokio::test]
async fn a_ticket_lets_one_socket_in_once() {
    let scene = Scene::start().await;
    let ticket = ticket(&scene, &scene.ada).await;
    let protocols = format!("nexus.term.bin.v1, nexus.ticket.{ticket}");
    let headers = [("sec-websocket-protocol", protocols.as_str())];
    let mut viewer = Viewer::try_open(&scene, TERMINAL, &headers)
        .await
        .expect("it is let in");
    assert_eq!(viewer.protocol.as_deref(), Some("nexus.term.bin.v1"));
    assert_eq!(viewer.told().await["type"], "attached");
    let again = refused(&scene, TERMINAL, &headers).await;
    assert_eq!(again, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_ticket_of_a_revoked_token_lets_nobody_in() {
    let scene = Scene::start().await;
    let ticket = ticket(&scene, &scene.ada).await;
    crate::lifecycle::revoke(&scene).await;
    let protocols = format!("nexus.term.bin.v1, nexus.ticket.{ticket}");
    let headers = [("sec-websocket-protocol", protocols.as_str())];
    assert_eq!(
        refused(&scene, TERMINAL, &headers).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn other_pages_and_strangers_are_not_let_in() {
    let scene = Scene::start().await;
    let bearer = format!("Bearer {}", scene.ada.token);
    let cookie = format!("__Host-nexus={}", scene.ada.token);
    let ours = format!("http://{}", scene.address);
    let machine = format!("/machines/{}/terminal", scene.workspace.uuid().hyphenated());
    for path in [TERMINAL, machine.as_str(), "/terminal/hello"] {
        assert_eq!(refused(&scene, path, &[]).await, StatusCode::UNAUTHORIZED);
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:1",
            "https://127.0.0.1",
        ] {
            let page = [("origin", origin), ("authorization", bearer.as_str())];
            assert_eq!(
                refused(&scene, path, &page).await,
                StatusCode::FORBIDDEN,
                "{origin}"
            );
            let page = [("origin", origin), ("cookie", cookie.as_str())];
            assert_eq!(
                refused(&scene, path, &page).await,
                StatusCode::FORBIDDEN,
                "{origin}"
            );
        }
        let no_page = [("cookie", cookie.as_str())];
        assert_eq!(
            refused(&scene, path, &no_page).await,
            StatusCode::UNAUTHORIZED
        );
        let our_page = [("origin", ours.as_str()), ("cookie", cookie.as_str())];
        assert!(Viewer::try_open(&scene, path, &our_page).await.is_ok());
        let in_url = format!("{path}?token={}", scene.ada.token);
        assert_eq!(
            refused(&scene, &in_url, &[]).await,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let scene = Scene::start().await;
    let bob = scene.person("bob").await;
    let bearer = format!("Bearer {}", bob.token);
    let headers = [("authorization", bearer.as_str())];
    let id = scene.workspace;
    for path in [
        format!("/api/v1/workspaces/{id}/terminal"),
        format!("/machines/{}/terminal", id.uuid().hyphenated()),
        format!("/terminal/{id}"),
        "/terminal/hello".into(),
    ] {
        assert_eq!(
            refused(&scene, &path, &headers).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for (method, path) in [
        ("GET", "terminals"),
        ("DELETE", "terminals/main"),
        ("GET", "ssh"),
        ("GET", "ports/80"),
        ("POST", "exec"),
    ] {
        let body = match method {
            "POST" => r#"{"argv":["true"]}"#,
            _ => "",
        };
        let head = format!(
            "{method} /api/v1/workspaces/{id}/{path} HTTP/1.1\r\nhost: localhost\r\n\
             authorization: {bearer}\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let (status, problem) = crate::streams::plain(&scene, &head, body.as_bytes()).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {problem}");
    }
}

#[tokio::test]
async fn a_message_too_large_ends_the_connection_and_says_so() {
    let scene = Scene::start().await;
    for size in [64 * 1024 + 1, 300 * 1024] {
        let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
        let message = Message::Binary(Bytes::from(vec![b'x'; size]));
        viewer.send(message).await;
        let (_, code, reason) = viewer.end().await;
        assert_eq!(code, 1009, "{reason}");
    }
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("echo still-$((1+1))\n").await;
    viewer.until("still-2").await;
}

#[tokio::test]
async fn a_token_that_is_revoked_closes_what_it_opened() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    crate::lifecycle::revoke(&scene).await;
    let ended = tokio::time::timeout(Duration::from_secs(1), viewer.end()).await;
    let (_, code, reason) = ended.expect("within a second");
    assert_eq!((code, reason.as_str()), (1008, "the token counts no more"));
}
