//! A workspace's past, and the read models that tell of it.

use axum::http::StatusCode;
use serde_json::json;

use crate::server::Server;
use crate::worker;

#[tokio::test]
async fn every_moment_of_a_workspace_can_be_looked_at() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let body = json!({ "name": "hello", "spec": { "provider": "process" } });
    let created = caller.post("/api/v1/workspaces", body).await;
    let (id, requested) = (created.field("workspace"), created.sequence());
    worker::bring_up(&server, &id, requested).await;
    let last = server.last_sequence().await;

    let now = caller.get(&format!("/api/v1/workspaces/{id}")).await;
    let mut phases = Vec::new();
    for at in requested..=last {
        let path = format!("/api/v1/workspaces/{id}/at/{at}");
        let then = caller.get(&path).await;
        assert_eq!(then.status, StatusCode::OK, "{at}: {}", then.body);
        assert!(then.body["version"].as_u64() <= Some(at), "{at}");
        let phase = then.field("phase");
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        if at == last {
            assert_eq!(then.body, now.body, "the last moment is now");
        }
    }
    assert_eq!(phases, ["requested", "provisioning", "starting", "running"]);

    let path = format!("/api/v1/workspaces/{id}/at/{}", requested - 1);
    let before = caller.get(&path).await;
    assert_eq!(before.status, StatusCode::NOT_FOUND, "not asked for yet");
    for wrong in [format!("{}", last + 1), "-1".into(), "x".into()] {
        let answer = caller
            .get(&format!("/api/v1/workspaces/{id}/at/{wrong}"))
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert_eq!(answer.body["errors"][0]["field"], "sequence");
    }
    let bob = server.user("bob").await;
    let foreign = server.bearer(&bob.token);
    let path = format!("/api/v1/workspaces/{id}/at/{last}");
    assert_eq!(foreign.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_read_model_is_made_anew_while_it_answers() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let list = server.operator().get("/api/v1/projections").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);
    let last = server.last_sequence().await;
    assert_eq!(list.body[0]["name"], "read-model");
    assert_eq!(list.body[0]["sequence"], last);
    assert_eq!(list.body[0]["lag"], 0);
    assert_eq!(list.body[1]["name"], "policies");

    let rebuild = "/api/v1/projections/rebuild";
    let refused = server.bearer(&alice.token).post(rebuild, json!(null)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let before = server.operator().get("/api/v1/users").await;
    let begun = server.operator().post(rebuild, json!(null)).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
    let app = server.plane.app();
    while app.is_rebuilding() {
        let meanwhile = server.operator().get("/api/v1/users").await;
        assert_eq!(meanwhile.body["items"], before.body["items"]);
        // Nothing above waits, and the task that rebuilds shares this thread.
        tokio::task::yield_now().await;
    }
    let after = server.operator().get("/api/v1/users").await;
    assert_eq!(after.body["items"], before.body["items"]);
    let list = server.operator().get("/api/v1/projections").await;
    assert_eq!(list.body[0]["rebuilding"], false);
    assert_eq!(list.body[0]["sequence"], last);
}
