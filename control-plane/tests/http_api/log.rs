//! The log as lines: all of it for administrators, their own for everybody else, and what was
//! refused.

use axum::http::StatusCode;
use nexus_events::audit::causes::Causes;
use nexus_events::audit::checks::Checks;
use nexus_events::audit::line::{End, Head, Line};
use nexus_events::audit::{Entry, Record};
use nexus_events::problem::ProblemCode;
use nexus_events::refusal::Refused;
use serde_json::json;

use crate::server::{Caller, Server};
use crate::worker;

struct Export {
    head: Head,
    records: Vec<Record>,
    refused: Vec<Refused>,
    end: End,
}

async fn export(caller: Caller<'_>, query: &str) -> Export {
    let answer = caller.get(&format!("/api/v1/log{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let mut lines = answer.text.lines().map(|line| {
        serde_json::from_str::<Line>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let Some(Line::Log(head)) = lines.next() else {
        panic!("the first line says which log it is");
    };
    let (mut records, mut refused, mut end) = (Vec::new(), Vec::new(), None);
    for line in lines {
        assert!(end.is_none(), "nothing comes after the end");
        match line {
            Line::Event(record) => records.push(record),
            Line::Refused(one) => refused.push(one),
            Line::End(last) => end = Some(last),
            Line::Log(_) | Line::Kept(_) => panic!("one head, and no keys: nobody asked"),
        }
    }
    Export {
        head,
        records,
        refused,
        end: end.expect("the last line says that it is"),
    }
}

#[tokio::test]
async fn an_administrator_is_given_every_message_byte_for_byte() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let body = json!({ "name": "hello", "spec": { "provider": "process" } });
    let created = caller.post("/api/v1/workspaces", body).await;
    let (id, requested) = (created.field("workspace"), created.sequence());
    worker::bring_up(&server, &id, requested).await;
    let last = server.last_sequence().await;

    let export = export(server.operator(), "?refusals=true").await;
    assert_eq!((export.head.last, export.end.events), (last, last));
    assert!(!export.head.partial);
    let mut checks = Checks::new(export.head.clone(), false);
    for record in &export.records {
        let stored = server
            .log
            .get(record.sequence)
            .await
            .expect("the log answers");
        let stored = stored.expect("it is there");
        assert_eq!(record.payload(), &stored.payload[..]);
        assert_eq!(record.subject, stored.subject.to_string());
        checks.take(record);
    }
    let report = checks.finish(Some(&export.end));
    assert!(report.is_clean(), "{report:?}");
    let part = self::export(server.operator(), &format!("?after=2&until={}", last - 1)).await;
    let sequences: Vec<u64> = part.records.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (3..last).collect::<Vec<_>>());
}

#[tokio::test]
async fn everybody_else_is_given_what_concerns_them() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let hers = server.bearer(&alice.token);
    let body = json!({ "name": "hello", "spec": { "provider": "process" } });
    let created = hers.post("/api/v1/workspaces", body).await;
    let id = created.field("workspace");
    server.last_sequence().await;

    let of_alice = export(server.bearer(&alice.token), "?refusals=true").await;
    assert!(of_alice.head.partial && of_alice.refused.is_empty());
    let entries: Vec<Entry> = of_alice
        .records
        .iter()
        .map(|record| record.read().expect("an event"))
        .collect();
    let mut causes = Causes::default();
    for entry in &entries {
        let of_her_key = &entry.data()["key_claimed"]["user"];
        let own = entry.subject() == alice.id
            || of_her_key == alice.id.as_str()
            || entry.workspace().is_some_and(|own| own.to_string() == id);
        assert!(own, "{entry:?}");
        causes.take(entry);
    }
    assert_eq!(causes.faults(), [], "her own causes are all hers");
    let names: Vec<String> = entries.iter().map(Entry::name).collect();
    assert!(
        names.contains(&"workspace.requested".to_owned()),
        "{names:?}"
    );

    let of_bob = export(server.bearer(&bob.token), "").await;
    let foreign = of_bob
        .records
        .iter()
        .find(|record| record.subject.contains(&id));
    assert!(foreign.is_none(), "{foreign:?}");
    let foreign = format!("/api/v1/log?workspace={id}");
    let answer = server.bearer(&bob.token).get(&foreign).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    for caller in [server.bearer(&alice.token), server.bearer(&bob.token)] {
        let answer = caller.get("/api/v1/log?kept=true").await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "for who operates the server"
        );
    }
}

#[tokio::test]
async fn what_was_refused_is_kept_without_what_was_typed() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let caller = server.bearer(&alice.token);
    let before = server.last_sequence().await;
    let nobody = caller
        .post("/api/v1/workspaces/nobody/stop", json!(null))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let secret = json!({ "name": "Not A Name s3cr3t", "spec": { "provider": "process" } });
    let wrong = caller.post("/api/v1/workspaces?x=s3cr3t", secret).await;
    assert_eq!(
        wrong.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        wrong.text
    );
    caller.get("/api/v1/workspaces/nobody").await;
    server.nobody().post("/api/v1/workspaces", json!({})).await;

    let export = export(server.operator(), "?refusals=true").await;
    assert_eq!(export.end.refusals, 2, "reads and strangers are not kept");
    let [stop, create] = export.refused.as_slice() else {
        panic!("{:?}", export.refused);
    };
    assert_eq!(
        (stop.method.as_str(), stop.path.as_str(), stop.code),
        (
            "POST",
            "/api/v1/workspaces/nobody/stop",
            ProblemCode::NotFound
        )
    );
    assert_eq!(stop.actor.to_string(), alice.id);
    assert_eq!(
        (create.code, create.number),
        (ProblemCode::ValidationError, 2)
    );
    assert!(!create.fields.is_empty(), "{create:?}");
    let text = serde_json::to_string(&export.refused).expect("JSON");
    assert!(!text.contains("s3cr3t"), "{text}");
    assert_eq!(server.last_sequence().await, before, "nothing happened");
}

#[tokio::test]
async fn the_read_model_is_verified_by_whoever_may() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let path = "/api/v1/projections/verify";
    let refused = server.bearer(&alice.token).post(path, json!(null)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let last = server.last_sequence().await;
    let begun = server.operator().post(path, json!(null)).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    let told = "/api/v1/projections/work?wait=20";
    let over = server.operator().get(told).await;
    assert_eq!(over.body["running"], false, "{}", over.text);
    assert_eq!(over.body["sequence"], last);
    let tables = over.body["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), 7);
    assert!(
        tables.iter().all(|table| table["equal"] == true),
        "{}",
        over.text
    );
    for (work, fails) in [
        ("compare", true),
        ("shadow", false),
        ("compare", false),
        ("switch", false),
        ("switch", false),
        ("forget", false),
        ("switch", true),
    ] {
        let path = format!("/api/v1/projections/{work}");
        let begun = server.operator().post(&path, json!(null)).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
        let over = server.operator().get(told).await;
        assert_eq!(over.body["work"], work);
        assert_eq!(over.body["failed"].is_string(), fails, "{}", over.text);
        let users = server.operator().get("/api/v1/users").await;
        assert_eq!(
            users.body["items"].as_array().map(Vec::len),
            Some(1),
            "{work}"
        );
    }
    let other = server
        .operator()
        .post("/api/v1/projections/drop", json!(null))
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}
