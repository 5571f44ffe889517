//! `/rpc`, to the letter of what its clients expect. The real client drives it in `tests/orpc.rs`.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, Caller, Server};
use crate::worker;

async fn call(caller: &Caller<'_>, procedure: &str, input: Value) -> Answer {
    let body = json!({ "json": input, "meta": [] });
    caller.post(&format!("/rpc/{procedure}"), body).await
}

#[tokio::test]
async fn c7_the_life_of_a_workspace() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let input = json!({
        "name": "alpha",
        "clone": "git@github.com:user/project.git",
        "env": { "LEVEL": "3" },
    });
    let created = call(&caller, "workspaces/create", input.clone()).await;
    assert_eq!(created.status, StatusCode::OK, "{}", created.body);
    let info = &created.body["json"];
    assert_eq!(info["name"], "alpha");
    assert_eq!(info["status"], "creating");
    assert_eq!(info["repo"], "git@github.com:user/project.git");
    assert_eq!(info["created"], "2026-01-17T12:00:00Z");
    assert!(info["ports"]["ssh"].as_u64() > Some(0));

    let view = caller.get("/api/v1/workspaces/alpha").await;
    let version = view.body["version"].as_u64().expect("a number");
    worker::bring_up(&server, &view.field("id"), version).await;
    let got = call(&caller, "workspaces/get", json!({ "name": "alpha" })).await;
    let running = json!({
        "name": "alpha", "status": "running", "containerId": "1",
        "created": "2026-01-17T12:00:00Z", "repo": "git@github.com:user/project.git",
        "ports": { "ssh": info["ports"]["ssh"], "http": 23_001 },
    });
    assert_eq!(got.body["json"], running);
    let bare = caller
        .send(Method::POST, "/rpc/workspaces/list", &[], None)
        .await;
    assert_eq!(bare.body["json"], json!([running]));
    let wrapped = caller.post("/rpc/workspaces/list", json!({})).await;
    assert_eq!(wrapped.body["json"], json!([running]));

    let name = json!({ "name": "alpha" });
    let stopped = call(&caller, "workspaces/stop", name.clone()).await;
    assert_eq!(stopped.status, StatusCode::OK, "{}", stopped.body);
    let started = call(&caller, "workspaces/start", name.clone()).await;
    assert_eq!(started.body["json"]["status"], "creating");
    let deleted = call(&caller, "workspaces/delete", name).await;
    assert_eq!(deleted.body["json"], json!({ "success": true }));
}

#[tokio::test]
async fn c9_refusals_are_in_the_client_s_own_words() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let caller = server.bearer(&alice.token);
    let name = json!({ "name": "alpha" });
    call(&caller, "workspaces/create", name.clone()).await;
    let again = call(&caller, "workspaces/create", name.clone()).await;
    let foreign = server.bearer(&bob.token);
    let unseen = call(&foreign, "workspaces/get", name).await;
    let wrong = call(&caller, "workspaces/create", json!({ "name": "Not this" })).await;
    let empty = caller.post("/rpc/workspaces/get", json!({})).await;
    let by_link = caller.get("/rpc/workspaces/list?data=%7B%7D").await;
    let unknown = call(&caller, "workspaces/clone", json!({})).await;
    for (answer, code, status, problem) in [
        (again, "CONFLICT", 409, "CONFLICT"),
        (unseen, "NOT_FOUND", 404, "NOT_FOUND"),
        (wrong, "BAD_REQUEST", 400, "VALIDATION_ERROR"),
        (empty, "BAD_REQUEST", 400, "VALIDATION_ERROR"),
        (by_link, "METHOD_NOT_SUPPORTED", 405, "METHOD_NOT_ALLOWED"),
        (unknown, "NOT_FOUND", 404, "NOT_FOUND"),
    ] {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        let error = answer.body["json"].as_object().expect("an error");
        let mut keys: Vec<_> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "data", "defined", "message", "status"]);
        assert_eq!(error["code"], code);
        assert_eq!(error["status"], status);
        assert_eq!(error["defined"], false);
        assert_eq!(error["data"]["code"], problem);
        assert!(!error["data"]["trace_id"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn c8_the_server_in_a_few_figures() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    call(&caller, "workspaces/create", json!({ "name": "alpha" })).await;
    let info = caller.post("/rpc/info", json!({})).await;
    assert_eq!(info.status, StatusCode::OK, "{}", info.body);
    let figures = info.body["json"].as_object().expect("an object");
    assert_eq!(figures["workspacesCount"], 1);
    assert_eq!(figures["uptime"], 0);
    assert_eq!(figures["terminalConnections"], 0);
    assert_eq!(figures["dockerVersion"], "");
    assert!(!figures["hostname"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn values_of_credentials_go_in_and_never_come_out() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let wanted = json!({
        "env": { "API_KEY": "sk-first", "OTHER": "sk-second" },
        "files": { "~/.gitconfig": "[user]\n" },
    });
    let masked = json!({
        "env": { "API_KEY": "********", "OTHER": "********" },
        "files": { "~/.gitconfig": "********" },
    });
    let updated = call(&caller, "config/credentials/update", wanted).await;
    assert_eq!(updated.status, StatusCode::OK, "{}", updated.body);
    assert_eq!(updated.body["json"], masked);
    let before = caller.get("/api/v1/settings/credentials").await;

    // What a client read it sends back: nothing changes but what it left out.
    let kept = json!({ "env": { "API_KEY": "********" }, "files": { "~/.gitconfig": "********" } });
    let updated = call(&caller, "config/credentials/update", kept.clone()).await;
    assert_eq!(updated.body["json"], kept);
    let got = caller.post("/rpc/config/credentials/get", json!({})).await;
    assert_eq!(got.body["json"], kept);
    let after = caller.get("/api/v1/settings/credentials").await;
    assert_eq!(after.body["env"]["API_KEY"], before.body["env"]["API_KEY"]);
    assert_eq!(after.body["env"]["OTHER"], Value::Null);
    assert!(!after.text.contains("sk-"));
}

#[tokio::test]
async fn a_script_is_a_line_here_and_a_list_there() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let none = caller.post("/rpc/config/scripts/get", json!({})).await;
    assert_eq!(none.body["json"], json!({}));
    let wanted = json!({ "post_start": "/workspace/post-start.sh  --quiet" });
    let updated = call(&caller, "config/scripts/update", wanted).await;
    assert_eq!(updated.status, StatusCode::OK, "{}", updated.body);
    let line = json!({ "post_start": "/workspace/post-start.sh --quiet" });
    assert_eq!(updated.body["json"], line);
    let list = caller.get("/api/v1/settings/scripts").await;
    let argv = json!(["/workspace/post-start.sh", "--quiet"]);
    assert_eq!(list.body["post_start"], argv);
    let removed = call(&caller, "config/scripts/update", json!({})).await;
    assert_eq!(removed.body["json"], json!({}));
}
