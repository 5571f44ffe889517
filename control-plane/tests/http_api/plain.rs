//! The plain REST forms: asked for once, followed by operation, listed page by page.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Server, User, noon, public_key};
use crate::worker::bring_up;

fn named(name: &str) -> Value {
    json!({ "name": name, "spec": { "provider": "process" } })
}

async fn server_with_alice() -> (Server, User) {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    (server, alice)
}

#[tokio::test]
async fn a_workspace_is_accepted_and_followed_by_its_operation() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let accepted = owner.post("/api/v1/workspaces", named("hello")).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.body);
    let operation = accepted.field("operation");
    let location = accepted.headers["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(location, format!("/api/v1/operations/{operation}"));
    assert_eq!(
        accepted.sequence(),
        accepted.body["sequence"].as_u64().expect("a number")
    );

    let followed = owner.get(&location).await;
    assert_eq!(followed.status, StatusCode::OK, "{}", followed.body);
    assert_eq!(followed.body["state"], "in_flight");
    let path = format!("/api/v1/workspaces?min_seq={}", accepted.sequence());
    let listed = owner.get(&path).await;
    assert_eq!(listed.body["items"][0]["name"], "hello");
    assert!(listed.sequence() >= accepted.sequence());
    let by_name = owner.get("/api/v1/workspaces/hello").await;
    assert_eq!(by_name.body["id"], accepted.body["workspace"]);
}

#[tokio::test]
async fn the_same_request_under_one_key_is_done_once() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let key = [("idempotency-key", "one")];
    let body = named("hello");
    let first = owner
        .send(Method::POST, "/api/v1/workspaces", &key, Some(&body))
        .await;
    server.visible(first.sequence()).await;
    let before = server.last_sequence().await;
    let again = owner
        .send(Method::POST, "/api/v1/workspaces", &key, Some(&body))
        .await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.body);
    assert_eq!(again.body["workspace"], first.body["workspace"]);
    assert_eq!(again.body["operation"], first.body["operation"]);
    assert_eq!(server.last_sequence().await, before);
}

#[tokio::test]
async fn what_is_so_already_is_answered_with_200() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let body = json!({ "public_key": public_key("another").0 });
    let added = owner.post("/api/v1/users/me/keys", body.clone()).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    let before = server.last_sequence().await;
    let again = owner.post("/api/v1/users/me/keys", body).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(server.last_sequence().await, before);

    let created = owner.post("/api/v1/workspaces", named("hello")).await;
    let start = format!("/api/v1/workspaces/{}/start", created.field("workspace"));
    let before = server.last_sequence().await;
    let started = owner.send(Method::POST, &start, &[], None).await;
    assert_eq!(
        started.body["operation"], created.body["operation"],
        "it is under way"
    );
    assert!(started.body["reason"].is_string(), "{}", started.body);
    assert_eq!(server.last_sequence().await, before);
}

#[tokio::test]
async fn a_deleted_workspace_is_listed_only_when_asked_for() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    owner.post("/api/v1/workspaces", named("hello")).await;
    let deleted = owner.delete("/api/v1/workspaces/hello").await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED, "{}", deleted.body);
    let operation = deleted.headers["location"].to_str().expect("text");
    let ended = owner.get(&format!("{operation}?wait=20")).await;
    assert_eq!(ended.body["state"], "succeeded", "{}", ended.body);
    let names = async |query: &str| {
        let page = owner.get(&format!("/api/v1/workspaces{query}")).await;
        let items = page.body["items"].as_array().expect("items").iter();
        items
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert!(names("").await.is_empty());
    assert_eq!(names("?phase=deleted").await, ["hello"]);
    let path = format!("/api/v1/workspaces/{}/status", deleted.field("workspace"));
    assert_eq!(owner.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_come_and_go_by_fingerprint() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let (key, fingerprint) = public_key("second");
    owner
        .post("/api/v1/users/me/keys", json!({ "public_key": key }))
        .await;
    let path = format!(
        "/api/v1/users/me/keys/{}",
        fingerprint.replace('/', "%2F").replace('+', "%2B")
    );
    let removed = owner.delete(&path).await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.body);
    let keys = removed.body["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 1, "the one of the registration is left");
    assert!(!keys.contains(&json!(fingerprint)));
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_overlap() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let names: Vec<String> = (0..5).map(|number| format!("w{number}")).collect();
    for name in &names {
        let accepted = owner.post("/api/v1/workspaces", named(name)).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.body);
    }
    let last = server.last_sequence().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner
            .get(&format!("/api/v1/workspaces?limit=2{cursor}"))
            .await;
        let items = page.body["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        seen.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().expect("a name").to_owned()),
        );
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, names);

    let (mut sequences, mut after) = (Vec::new(), 0);
    loop {
        let page = server
            .operator()
            .get(&format!("/api/v1/events?limit=3&cursor={after}"))
            .await;
        let items = page.body["items"].as_array().expect("items");
        sequences.extend(items.iter().filter_map(|item| item["sequence"].as_u64()));
        match page.body["next"].as_str() {
            Some(next) => after = next.parse().expect("a sequence"),
            None => break,
        }
    }
    assert_eq!(sequences, (1..=last).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_token_lets_in_from_its_issue_to_its_revocation() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let issued = owner
        .post("/api/v1/tokens", json!({ "expires_in_seconds": 60 }))
        .await;
    assert_eq!(issued.status, StatusCode::CREATED);
    let second = issued.field("token");
    assert_eq!(
        server.bearer(&second).get("/api/v1/users/me").await.status,
        StatusCode::OK
    );

    let listed = owner.get("/api/v1/tokens").await;
    assert!(
        !listed.text.contains(&second) && !listed.text.contains("digest"),
        "{}",
        listed.text
    );
    let path = format!("/api/v1/tokens/{}", issued.field("id"));
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        server.bearer(&second).get("/api/v1/users/me").await.status,
        StatusCode::UNAUTHORIZED
    );

    let third = owner
        .post("/api/v1/tokens", json!({ "expires_in_seconds": 60 }))
        .await;
    server
        .clock
        .set(noon() + jiff::SignedDuration::from_secs(61));
    let third = server
        .bearer(&third.field("token"))
        .get("/api/v1/users/me")
        .await;
    assert_eq!(third.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_tenants_see_nothing_of_each_other() {
    let (server, alice) = server_with_alice().await;
    let bob = server.user("bob").await;
    let accepted = server
        .bearer(&alice.token)
        .post("/api/v1/workspaces", named("hello"))
        .await;
    server.visible(accepted.sequence()).await;
    let other = server.bearer(&bob.token);
    for path in [
        "/api/v1/workspaces",
        "/api/v1/operations",
        "/api/v1/workspaces?owner=alice",
    ] {
        let page = other.get(path).await;
        assert_eq!(page.body["items"], json!([]), "{path}");
    }
    let events = other.get("/api/v1/events").await;
    for item in events.body["items"].as_array().expect("items") {
        let event = &item["event"];
        let of_his_key = &event["data"]["key_claimed"]["user"];
        let his = json!(bob.id);
        assert!(event["subject"] == his || *of_his_key == his, "{item}");
    }
    let same_name = other.post("/api/v1/workspaces", named("hello")).await;
    assert_eq!(
        same_name.status,
        StatusCode::ACCEPTED,
        "names are each owner's own"
    );
}

#[tokio::test]
async fn probes_and_figures_tell_how_it_fares() {
    let (server, alice) = server_with_alice().await;
    let ready = server.bearer(&alice.token).get("/readyz?verbose").await;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
    assert!(ready.text.contains("projection: ok"), "{}", ready.text);
    let metrics = server.operator().get("/metrics").await;
    for figure in [
        "nexus_http_requests_total",
        "nexus_http_request_duration_seconds",
        "nexus_build_info",
    ] {
        assert!(metrics.text.contains(figure), "{figure}");
    }
    assert!(
        metrics.text.contains("route=\"/readyz\""),
        "routes are patterns"
    );
    assert!(!metrics.text.contains(&alice.id), "no id is a label");
}

#[tokio::test]
async fn use_that_no_init_can_see_is_told_and_counts() {
    let (server, alice) = server_with_alice().await;
    let owner = server.bearer(&alice.token);
    let accepted = owner.post("/api/v1/workspaces", named("hello")).await;
    let id = accepted.field("workspace");
    bring_up(&server, &id, accepted.sequence()).await;
    server.visible(server.last_sequence().await).await;
    let path = format!("/api/v1/workspaces/{id}");

    let used = |body| async {
        let told = owner.post(&format!("{path}/activity"), body).await;
        (told.status, told.body)
    };
    let (status, body) = used(json!({ "source": "preview" })).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    server.visible(server.last_sequence().await).await;
    let seen = owner.get(&path).await;
    assert!(
        seen.body["activity"]["preview"].is_string(),
        "{}",
        seen.body
    );
    let (status, body) = used(json!({ "source": "magic" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
}
