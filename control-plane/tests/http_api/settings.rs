//! SSH certificates and a person's settings over HTTP: what goes in, what comes out, and for whom.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::server::{Server, public_key};

const SECRET: &str = "secret-5b1f";

#[tokio::test]
async fn a_certificate_is_for_ones_own_workspaces() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (hers, his) = (server.bearer(&ada.token), server.bearer(&bob.token));
    let wanted = json!({ "name": "hello", "spec": { "provider": "process" } });
    let created = hers.post("/api/v1/workspaces", wanted).await;
    assert_eq!(created.status, StatusCode::ACCEPTED, "{}", created.body);
    let workspace = created.field("workspace");
    let (key, _) = public_key("laptop");

    let path = "/api/v1/ssh/certificates";
    let issued = hers.post(path, json!({ "public_key": key })).await;
    assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.body);
    let certificate = issued.field("certificate");
    assert!(certificate.starts_with("ssh-ed25519-cert-v01@openssh.com "));
    for name in [workspace.as_str(), "hello"] {
        let request = json!({ "public_key": key, "workspace": name });
        let answer = hers.post(path, request.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let foreign = his.post(path, request).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.body);
    }
    for wrong in [
        json!({ "public_key": key, "valid_seconds": 43_201 }),
        json!({ "public_key": key, "valid_seconds": -1 }),
        json!({ "public_key": "ssh-ed25519 AAAA" }),
        json!({ "public_key": certificate }),
        json!({ "public_key": key, "extensions": ["permit-user-rc"] }),
        json!({}),
    ] {
        let refused = hers.post(path, wrong.clone()).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}: {}",
            refused.body
        );
    }
    let authority = his.get("/api/v1/ssh/authority").await;
    assert!(
        authority
            .field("host_authority")
            .starts_with("ssh-ed25519 ")
    );
    assert_ne!(
        authority.field("host_authority"),
        authority.field("user_authority")
    );
}

#[tokio::test]
async fn credentials_go_in_and_do_not_come_out() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (hers, his) = (server.bearer(&ada.token), server.bearer(&bob.token));
    let path = "/api/v1/settings/credentials";
    let change = json!({ "env": { "TOKEN": SECRET }, "files": { "~/.netrc": SECRET } });
    let changed = hers.send(Method::PUT, path, &[], Some(&change)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let read = hers.get(path).await;
    for answer in [&changed, &read] {
        let text = answer.body.to_string();
        assert!(
            text.contains("TOKEN") && text.contains("~/.netrc"),
            "{text}"
        );
        assert!(!text.contains(SECRET), "{text}");
    }
    let events = hers.get("/api/v1/events").await.body.to_string();
    assert!(
        events.contains("credentials_changed") && !events.contains(SECRET),
        "{events}"
    );

    assert!(!his.get(path).await.body.to_string().contains("TOKEN"));
    let foreign = format!("{path}?user={}", ada.id);
    assert_eq!(his.get(&foreign).await.status, StatusCode::NOT_FOUND);
    let stolen = his.send(Method::PUT, &foreign, &[], Some(&change)).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND);
    let operator = server.operator();
    assert_eq!(
        operator.get(path).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(operator.get(&foreign).await.status, StatusCode::OK);
}

#[tokio::test]
async fn scripts_are_set_read_and_removed() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let hers = server.bearer(&ada.token);
    let path = "/api/v1/settings/scripts";
    assert_eq!(hers.get(path).await.body, json!({}));
    let scripts = json!({ "post_start": ["make", "dev env"] });
    let set = hers.send(Method::PUT, path, &[], Some(&scripts)).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    assert_eq!(hers.get(path).await.body, scripts);
    for wrong in [
        json!({ "post_start": [] }),
        json!({ "post_start": "make dev" }),
    ] {
        let refused = hers.send(Method::PUT, path, &[], Some(&wrong)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    hers.send(Method::PUT, path, &[], Some(&json!({}))).await;
    assert_eq!(hers.get(path).await.body, json!({}));
}
