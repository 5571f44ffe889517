//! Answers that come line by line, over a real bus: output of steps, commands in workspaces.

use axum::body::BodyDataStream;
use axum::http::{Method, StatusCode};
use futures::StreamExt as _;
use nexus_control_plane::backbone::Backbone;
use nexus_events::id::OperationId;
use nexus_events::work::{OutputChunk, OutputStream};
use nexus_events::workspace::Step;
use nexus_nats::testing::TestServer;
use nexus_nats::{Bus, StepLogs};
use serde_json::{Value, json};

use crate::server::{Server, User, noon};
use crate::worker;

/// A server on a bus, with a workspace of Alice's that runs.
struct World {
    server: Server,
    alice: User,
    bus: Bus,
    workspace: String,
    operation: OperationId,
    _nats: TestServer,
}

impl World {
    async fn make() -> Self {
        let nats = TestServer::start().await;
        let bus = nats.bus().await;
        let server = Server::on(Backbone::on(&bus)).await;
        let alice = server.user("alice").await;
        let body = json!({ "name": "hello", "spec": { "provider": "process" } });
        let created = server
            .bearer(&alice.token)
            .post("/api/v1/workspaces", body)
            .await;
        assert_eq!(created.status, StatusCode::ACCEPTED, "{}", created.body);
        let workspace = created.field("workspace");
        let operation = worker::bring_up(&server, &workspace, created.sequence()).await;
        Self {
            server,
            alice,
            bus,
            workspace,
            operation,
            _nats: nats,
        }
    }

    async fn says(&self, step: Step, text: &str) {
        let chunk = OutputChunk {
            at: noon(),
            workspace: self.workspace.parse().expect("an id"),
            operation: self.operation,
            step,
            stream: OutputStream::Stdout,
            text: text.into(),
        };
        StepLogs::on(&self.bus)
            .publish(&chunk)
            .await
            .expect("it is kept");
    }

    async fn logs(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/workspaces/hello/logs{query}");
        let answer = self.server.bearer(&self.alice.token).get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        answer
            .text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// The next line of an answer; `None` at its end.
async fn line(body: &mut BodyDataStream) -> Option<Value> {
    let patience = std::time::Duration::from_secs(20);
    let chunk = tokio::time::timeout(patience, body.next())
        .await
        .expect("in time")?;
    Some(serde_json::from_slice(&chunk.expect("a chunk")).expect("one line of JSON"))
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["text"].as_str().expect("text"))
        .collect()
}

#[tokio::test]
async fn output_is_read_by_step_by_place_and_from_its_end() {
    let world = World::make().await;
    for (step, text) in [
        (Step::Clone, "one"),
        (Step::Clone, "two"),
        (Step::Install, "three"),
    ] {
        world.says(step, text).await;
    }
    let all = world.logs("").await;
    assert_eq!(texts(&all), ["one", "two", "three"]);
    assert_eq!(texts(&world.logs("?step=install").await), ["three"]);
    assert_eq!(texts(&world.logs("?tail=2").await), ["two", "three"]);
    assert_eq!(texts(&world.logs("?tail=0").await), [""; 0]);
    let since = format!("?since={}", all[0]["sequence"]);
    assert_eq!(texts(&world.logs(&since).await), ["two", "three"]);
    let other = format!("?operation={}", OperationId::derived("another"));
    assert!(world.logs(&other).await.is_empty());
}

#[tokio::test]
async fn output_is_followed_until_the_server_stops() {
    let world = World::make().await;
    for text in ["one", "two"] {
        world.says(Step::Clone, text).await;
    }
    let path = "/api/v1/workspaces/hello/logs?follow=true&tail=1";
    let caller = world.server.bearer(&world.alice.token);
    let mut body = caller
        .open(Method::GET, path, &[], Vec::new())
        .await
        .into_body()
        .into_data_stream();
    assert_eq!(line(&mut body).await.expect("a line")["text"], "two");
    world.says(Step::Install, "three").await;
    assert_eq!(line(&mut body).await.expect("a line")["text"], "three");
    world.server.stop.cancel();
    assert!(line(&mut body).await.is_none());
}
