//! `/machines`, to the letter of what its clients expect.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::Server;
use crate::worker;

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn c5_the_life_of_a_machine() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let created = caller.send(Method::POST, "/machines", &[], None).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    let shape = ["created_at", "id", "last_activity", "name", "status"];
    assert_eq!(keys(&created.body), shape);
    assert_eq!(created.field("status"), "created");
    let id = created.field("id");
    assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
    let machine = format!("/machines/{id}");
    assert_eq!(created.headers["location"], machine.as_str());

    let workspace = format!("ws-{}", id.replace('-', ""));
    let requested = server.last_sequence().await;
    worker::bring_up(&server, &workspace, requested_at(&server, &workspace).await).await;
    assert!(requested > 0);
    let running = caller.get(&machine).await;
    assert_eq!(running.status, StatusCode::OK);
    assert_eq!(running.field("status"), "running");
    assert_eq!(running.field("image"), "base");

    let stopping = caller.post(&format!("{machine}/stop"), json!({})).await;
    assert_eq!(stopping.status, StatusCode::OK, "{}", stopping.body);
    assert_eq!(stopping.field("status"), "stopping");
    let starting = caller.post(&format!("{machine}/start"), json!({})).await;
    assert_eq!(starting.field("status"), "starting", "{}", starting.body);

    let gone = caller.delete(&machine).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(gone.text, "");
    let leaving = caller.get(&machine).await;
    assert_eq!(leaving.field("status"), "stopping", "until it is gone");
}

/// The version a workspace that was just asked for has.
async fn requested_at(server: &Server, workspace: &str) -> u64 {
    let path = format!("/api/v1/workspaces/{workspace}");
    let view = server.operator().get(&path).await;
    view.body["version"].as_u64().expect("a number")
}

#[tokio::test]
async fn a_machine_is_what_was_asked_for() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let body = json!({
        "name": "big",
        "config": {
            "image": "registry.example.com/app/base:latest",
            "guest": { "cpu_kind": "shared", "cpus": 1, "memory_mb": 512 },
        },
    });
    let created = caller.post("/machines", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    assert_eq!(created.field("name"), "big");
    let again = caller.post("/machines", json!({ "name": "big" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    for (body, field) in [
        (json!({ "name": "Big!" }), "name"),
        (json!({ "config": { "image": "no image" } }), "config.image"),
        (
            json!({ "config": { "guest": { "cpus": 1, "memory_mb": 1 } } }),
            "config.guest.memory_mb",
        ),
        (json!({ "region": "sjc" }), "region"),
    ] {
        let refused = caller.post("/machines", body.clone()).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            refused.body
        );
        assert_eq!(refused.body["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn a_foreign_machine_is_not_found() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let created = server
        .bearer(&alice.token)
        .send(Method::POST, "/machines", &[], None)
        .await;
    let id = created.field("id");
    let foreign = server.bearer(&bob.token);
    for (method, path) in [
        (Method::GET, format!("/machines/{id}")),
        (Method::DELETE, format!("/machines/{id}")),
        (Method::POST, format!("/machines/{id}/start")),
        (Method::POST, format!("/machines/{id}/stop")),
        (Method::GET, "/machines/not-a-uuid".into()),
        (
            Method::GET,
            "/machines/01a1fcbe-0000-7000-8000-000000000000".into(),
        ),
    ] {
        let answer = foreign.send(method.clone(), &path, &[], None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(answer.body["code"], "NOT_FOUND");
    }
}
