//! The shapes of the first `/api/v1`: key by key as its users know them, and no key more.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::server::{Answer, Server, registration};
use crate::worker;

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{value} is no object"));
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Checks that exactly these keys are written, in this order.
fn assert_written(answer: &Answer, order: &[&str]) {
    let mut expected = order.to_vec();
    expected.sort_unstable();
    assert_eq!(keys(&answer.body), expected, "{}", answer.text);
    let places = order
        .iter()
        .map(|key| answer.text.find(&format!("\"{key}\":")));
    let places: Vec<usize> = places.map(|place| place.expect("it is written")).collect();
    assert!(
        places.is_sorted(),
        "{} is not in the order of {order:?}",
        answer.text
    );
}

fn creation() -> Value {
    json!({
        "github_username": "alice",
        "workspace_name": "my-project-feature",
        "repo": {
            "owner": "my-org",
            "name": "my-project",
            "url": "git@github.com:my-org/my-project.git",
            "branch": "main"
        },
        "provider": "local",
        "image": "ubuntu:22.04",
        "services": [
            { "name": "web", "command": "npm run dev", "port": 3000 },
            { "name": "api", "command": "npm run server", "port": 4000 }
        ]
    })
}

#[tokio::test]
async fn c1_register() {
    let server = Server::start().await;
    let first = server
        .operator()
        .post("/api/v1/users/register", registration("alice"))
        .await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    assert_written(&first, &["user_id", "registered_at", "workspaces"]);
    assert!(first.field("user_id").starts_with("user-"));
    assert_eq!(first.body["registered_at"], "2026-01-17T12:00:00Z");
    assert_eq!(first.body["workspaces"], json!([]));

    let created = server
        .operator()
        .post("/api/v1/workspaces/create", creation())
        .await;
    server.visible(created.sequence()).await;
    let again = server
        .operator()
        .post("/api/v1/users/register", registration("alice"))
        .await;
    assert_eq!(again.body["user_id"], first.body["user_id"]);
    assert_eq!(again.body["registered_at"], first.body["registered_at"]);
    assert_eq!(
        again.body["workspaces"],
        json!([created.body["workspace_id"]])
    );
}

#[tokio::test]
async fn c2_create() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let reply = server
        .bearer(&alice.token)
        .post("/api/v1/workspaces/create", creation())
        .await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.body);
    assert_written(
        &reply,
        &["workspace_id", "status", "ssh_port", "polling_url"],
    );
    let id = reply.field("workspace_id");
    assert!(id.starts_with("ws-"));
    assert_eq!(reply.body["status"], "creating");
    assert_eq!(reply.body["ssh_port"], 2222);
    assert_eq!(
        reply.body["polling_url"],
        format!("/api/v1/workspaces/{id}/status")
    );

    let polled = server
        .bearer(&alice.token)
        .get(&reply.field("polling_url"))
        .await;
    assert_eq!(
        polled.status,
        StatusCode::OK,
        "at once, without a sequence: {}",
        polled.body
    );
    assert_eq!(polled.body["status"], "creating");
}

#[tokio::test]
async fn c3_status() {
    let server = Server::start().await;
    server.user("alice").await;
    let created = server
        .operator()
        .post("/api/v1/workspaces/create", creation())
        .await;
    let id = created.field("workspace_id");
    worker::bring_up(&server, &id, created.sequence()).await;

    let status = server
        .operator()
        .get(&format!("/api/v1/workspaces/{id}/status"))
        .await;
    assert_eq!(status.status, StatusCode::OK);
    assert_written(
        &status,
        &["workspace_id", "status", "ssh", "services", "repo"],
    );
    assert_eq!(status.body["workspace_id"], id);
    assert_eq!(status.body["status"], "running");
    assert_eq!(
        status.body["ssh"],
        json!({ "host": "127.0.0.1", "port": 2222, "user": "dev" })
    );
    let web = &status.body["services"]["web"];
    assert_eq!(keys(&status.body["services"]), ["api", "web"]);
    assert_eq!(keys(web), ["mapped_port", "port", "status", "url"]);
    assert_eq!(
        *web,
        json!({
            "status": "running", "port": 3000, "mapped_port": 23000,
            "url": "http://127.0.0.1:23000"
        })
    );
    let repo = json!({
        "owner": "my-org", "name": "my-project", "branch": "main", "commit": "abc123def456"
    });
    assert_eq!(status.body["repo"], repo);
}

#[tokio::test]
async fn c4_stop_and_health() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let created = server
        .operator()
        .post("/api/v1/workspaces/create", creation())
        .await;
    let id = created.field("workspace_id");
    worker::bring_up(&server, &id, created.sequence()).await;

    let stop = format!("/api/v1/workspaces/{id}/stop");
    let stopped = server
        .bearer(&alice.token)
        .send(axum::http::Method::POST, &stop, &[], None)
        .await;
    assert_eq!(stopped.status, StatusCode::ACCEPTED, "{}", stopped.body);
    assert_eq!(stopped.body["workspace"], id);
    let operation = stopped.field("operation");
    assert_eq!(
        stopped.headers["location"],
        format!("/api/v1/operations/{operation}")
    );

    server.last_sequence().await;
    let health = server.operator().get("/health").await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.body);
    assert_eq!(health.body["status"], "ok");
    assert_eq!(health.body["lag"], 0);
}
