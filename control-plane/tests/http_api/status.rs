//! A status is written once and sent many times: to whom it is meant, and until something happens.

use axum::http::StatusCode;
use serde_json::json;

use crate::server::Server;
use crate::worker::bring_up;

#[tokio::test]
async fn a_status_that_was_sent_before_is_nobody_elses_and_never_old() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (ada_asks, bob_asks) = (server.bearer(&ada.token), server.bearer(&bob.token));
    let wanted = json!({ "name": "hello", "spec": { "provider": "process" } });
    let asked = ada_asks.post("/api/v1/workspaces", wanted).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.body);
    let id = asked.field("workspace");
    let paths = [&id, "hello"].map(|name| format!("/api/v1/workspaces/{name}/status"));

    for path in &paths {
        for _ in 0..2 {
            let told = ada_asks.get(path).await;
            assert_eq!(told.field("workspace_id"), id);
            assert_ne!(told.field("status"), "running");
            assert_eq!(told.headers["content-type"], "application/json");
            assert_eq!(told.headers["cache-control"], "no-store");
            assert_eq!(bob_asks.get(path).await.status, StatusCode::NOT_FOUND);
        }
        // An administrator sees everybody's.
        assert_eq!(server.operator().get(path).await.field("workspace_id"), id);
    }

    bring_up(&server, &id, asked.sequence()).await;
    for path in &paths {
        let told = ada_asks.get(path).await;
        assert_eq!(told.field("status"), "running", "{}", told.body);
        assert!(told.sequence() > asked.sequence());
    }

    let revoked = server
        .operator()
        .delete(&format!("/api/v1/tokens/{}", ada.token_id))
        .await;
    assert!(revoked.status.is_success(), "{}", revoked.body);
    for path in &paths {
        let refused = ada_asks.get(path).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
}
