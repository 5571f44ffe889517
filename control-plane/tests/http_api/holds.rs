//! Holds over HTTP: placed, shown, in force, released.

use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::server::{Server, User, noon};
use crate::worker;

/// A running workspace of Alice's, and the path of its holds.
async fn running(server: &Server) -> (User, String) {
    let alice = server.user("alice").await;
    let body = json!({ "name": "hello", "spec": { "provider": "process" } });
    let created = server
        .bearer(&alice.token)
        .post("/api/v1/workspaces", body)
        .await;
    assert_eq!(created.status, StatusCode::ACCEPTED, "{}", created.body);
    worker::bring_up(server, &created.field("workspace"), created.sequence()).await;
    (alice, created.field("workspace"))
}

fn later(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

async fn stopped_at(server: &Server, minutes: i64) -> usize {
    let reconciler = server.plane.app().reconciler().clone();
    let stopped = reconciler.idle_workspaces(later(minutes)).await;
    stopped.expect("it looks")
}

#[tokio::test]
async fn a_held_workspace_is_not_idle_until_it_is_let_go() {
    let server = Server::start().await;
    let (alice, _) = running(&server).await;
    let caller = server.bearer(&alice.token);
    let hold = "/api/v1/workspaces/hello/holds/build";

    let body = json!({ "reason": "a long build" });
    let placed = caller.send(Method::PUT, hold, &[], Some(&body)).await;
    assert_eq!(placed.status, StatusCode::OK, "{}", placed.body);
    assert_eq!(placed.body["holds"]["build"]["reason"], "a long build");
    assert_eq!(placed.body["idle_stop_at"], Value::Null);
    assert_eq!(stopped_at(&server, 60 * 24).await, 0, "it is held");

    let shown = caller.get("/api/v1/workspaces/hello").await;
    assert_eq!(shown.body["holds"], placed.body["holds"]);

    let released = caller.delete(hold).await;
    assert_eq!(released.status, StatusCode::OK, "{}", released.body);
    assert_eq!(released.body["holds"], Value::Null);
    assert_eq!(caller.delete(hold).await.status, StatusCode::OK, "twice");
    assert_eq!(stopped_at(&server, 60 * 24).await, 1, "nothing holds it");
}

#[tokio::test]
async fn a_hold_with_an_end_ends_by_itself() {
    let server = Server::start().await;
    let (alice, _) = running(&server).await;
    let caller = server.bearer(&alice.token);
    let hold = "/api/v1/workspaces/hello/holds/manual";
    let body = json!({ "until": later(30).to_string() });
    let placed = caller.send(Method::PUT, hold, &[], Some(&body)).await;
    assert_eq!(placed.status, StatusCode::OK, "{}", placed.body);
    let idle_at: Timestamp = placed.field("idle_stop_at").parse().expect("a time");
    assert_eq!(idle_at, later(40), "its end, and the ten minutes after it");
    assert_eq!(stopped_at(&server, 39).await, 0);
    assert_eq!(stopped_at(&server, 40).await, 1);
}

#[tokio::test]
async fn every_source_of_activity_counts() {
    for source in ["ssh", "terminal", "preview", "process", "exec", "person"] {
        let server = Server::start().await;
        let (alice, _) = running(&server).await;
        let caller = server.bearer(&alice.token);
        server.clock.set(later(9));
        let body = json!({ "source": source });
        let told = caller.post("/api/v1/workspaces/hello/activity", body).await;
        assert_eq!(
            told.status,
            StatusCode::NO_CONTENT,
            "{source}: {}",
            told.body
        );
        server.last_sequence().await;
        let shown = caller.get("/api/v1/workspaces/hello").await;
        let at: Timestamp = shown.body["activity"][source]
            .as_str()
            .unwrap_or_else(|| panic!("{source} in {}", shown.body))
            .parse()
            .expect("a time");
        assert_eq!(at, later(9));
        assert_eq!(stopped_at(&server, 18).await, 0, "{source}");
        assert_eq!(stopped_at(&server, 19).await, 1, "{source}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_hold_is_named() {
    let server = Server::start().await;
    let (alice, _) = running(&server).await;
    let bob = server.user("bob").await;
    let caller = server.bearer(&alice.token);
    for (name, body, field) in [
        ("Build", json!({}), "name"),
        ("build", json!({ "reason": "" }), "reason"),
        ("build", json!({ "until": "soon" }), "until"),
        ("build", json!({ "until": noon().to_string() }), "until"),
        ("build", json!({ "because": "x" }), "because"),
    ] {
        let path = format!("/api/v1/workspaces/hello/holds/{name}");
        let answer = caller.send(Method::PUT, &path, &[], Some(&body)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            answer.body
        );
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    let path = "/api/v1/workspaces/hello/holds/build";
    let foreign = server
        .bearer(&bob.token)
        .send(Method::PUT, path, &[], Some(&json!({})))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}
