//! What a server says of one workspace and its operation.

use serde_json::{Value, json};

use crate::fixture::Reply;

pub(crate) const WORKSPACE: &str = "ws-00000000000000000000000000000001";
pub(crate) const OPERATION: &str = "op-00000000000000000000000000000003";
pub(crate) const NODE: &str = "node-00000000000000000000000000000004";
pub(crate) const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

pub(crate) fn workspace(phase: &str) -> Value {
    json!({
        "id": WORKSPACE, "name": "hello", "owner": "user-00000000000000000000000000000002",
        "owner_login": "jane", "phase": phase, "status": "running", "unknown": false,
        "partial": false, "provider": "process", "node": NODE,
        "services": {"web": {"status": "running", "port": 8000, "mapped_port": 23000, "url": "http://127.0.0.1:23000"}},
        "ssh": {"host": "127.0.0.1", "port": 2222, "user": "dev", "host_key": HOST_KEY},
        "activity": {}, "created_at": "2026-11-21T04:00:00Z", "updated_at": "2026-11-21T04:00:05Z",
        "version": 12, "sequence": 40
    })
}

pub(crate) fn operation(state: &str) -> Value {
    let mut view = json!({
        "id": OPERATION, "workspace": WORKSPACE, "workspace_name": "hello", "kind": "create",
        "state": state, "reason": "person", "epoch": 1, "requested_at": "2026-11-21T04:00:00Z",
        "deadline": "2026-11-21T04:30:00Z", "sequence": 30, "steps": []
    });
    if state != "in_flight" {
        view["steps"] = json!([
            {"step": "machine", "state": "succeeded", "started_at": "2026-11-21T04:00:00.100Z", "duration_ms": 900},
            {"step": "clone", "state": state, "started_at": "2026-11-21T04:00:01Z", "duration_ms": 3100}
        ]);
        view["ended_at"] = json!("2026-11-21T04:00:05Z");
        view["duration_ms"] = json!(5000);
        view["sequence"] = json!(40);
    }
    if state == "failed" {
        view["failure"] = json!({
            "code": "PROCESS_ERROR", "step": "clone", "cause": "git clone ended with code 128",
            "hint": "nexus workspace logs hello --step clone", "retryable": false
        });
    }
    view
}

pub(crate) fn accepted() -> Value {
    json!({"workspace": WORKSPACE, "operation": OPERATION, "sequence": 30})
}

pub(crate) fn page(items: &[Value]) -> Value {
    json!({"items": items, "sequence": 40})
}

pub(crate) fn node(provider: &str, status: &str) -> Value {
    json!({
        "id": NODE, "provider": provider, "hostname": "box", "engine": provider, "version": "0.1.0",
        "slots": 4, "capabilities": {"hard_memory_limit": true, "own_network": true,
        "snapshot": false, "fork": false, "pause": false}, "status": status, "running": [],
        "workspaces": 0
    })
}

pub(crate) fn health(sequence: u64) -> Value {
    json!({"status": "ok", "version": "0.1.0", "uptime_seconds": 500, "sequence": sequence,
        "lag": 0, "checks": {"nats": "ok"}})
}

/// An event of the operation as it stands in the log.
pub(crate) fn event(sequence: u64, name: &str, data: &Value) -> Value {
    json!({"sequence": sequence, "event": {
        "specversion": "1.0", "id": format!("evt-{sequence:032x}"), "source": "/nexus/control-plane",
        "type": format!("nexus.workspace.{name}.v1"), "subject": WORKSPACE,
        "time": "2026-11-21T04:00:01Z", "actor": "operator",
        "correlationid": "cor-00000000000000000000000000000005", "data": {name: data}
    }})
}

/// The events of an operation from its placement to `end`.
pub(crate) fn story(end: &Value) -> Vec<Value> {
    let with = |mut data: Value| {
        data["operation"] = json!(OPERATION);
        data["epoch"] = json!(1);
        data
    };
    vec![
        event(31, "placed", &with(json!({"node": NODE}))),
        event(32, "step_started", &with(json!({"step": "machine"}))),
        event(
            33,
            "step_succeeded",
            &with(json!({"step": "machine", "duration_ms": 900, "detail": "reused"})),
        ),
        event(34, "step_started", &with(json!({"step": "clone"}))),
        end.clone(),
    ]
}

pub(crate) fn ready() -> Value {
    let data = json!({"operation": OPERATION, "epoch": 1, "at": "2026-11-21T04:00:05Z",
        "partial": false, "duration_ms": 5000});
    event(35, "ready", &data)
}

pub(crate) fn failed() -> Value {
    let failure = operation("failed")["failure"].clone();
    event(
        35,
        "failed",
        &json!({"operation": OPERATION, "epoch": 1, "failure": failure}),
    )
}

/// Events as the server streams them.
pub(crate) fn stream(events: &[Value]) -> Reply {
    let frames: String = events
        .iter()
        .map(|event| {
            let kind = event["event"]["type"].as_str().unwrap();
            format!(
                "id: {}\nevent: {kind}\ndata: {event}\n\n",
                event["sequence"]
            )
        })
        .collect();
    Reply::text(200, "text/event-stream", format!(": hello\n\n{frames}"))
}

pub(crate) fn problem(status: u16, code: &str, detail: &str, hint: &str) -> Reply {
    let body = json!({"type": format!("urn:nexus:problem:{code}"), "title": "t", "status": status,
        "detail": detail, "code": code, "hint": hint, "retryable": false, "trace_id": "4bf92f3577b34da6"});
    Reply::text(status, "application/problem+json", body.to_string())
}

pub(crate) fn not_found() -> Reply {
    problem(
        404,
        "NOT_FOUND",
        "there is no workspace `hello`",
        "look again",
    )
}
