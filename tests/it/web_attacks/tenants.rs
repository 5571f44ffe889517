//! Every route that reaches into a workspace: closed to strangers, and to other tenants as if it
//! were not there.

use anyhow::ensure;
use nexus_events::workspace::Phase;
use nexus_tests::terminal::{BINARY, JSON, Refused};
use reqwest::Method;
use serde_json::{Value, json};

use super::World;

/// What upgrades a request to bare bytes.
const STREAM: [(&str, &str); 2] = [("Connection", "upgrade"), ("Upgrade", "nexus.stream.v1")];

type Request = (
    Method,
    String,
    &'static [(&'static str, &'static str)],
    Option<Value>,
);

/// Each request that names Alice's workspace.
fn requests(world: &World) -> Vec<Request> {
    let id = world.workspace.id;
    let at = |rest: &str| format!("/api/v1/workspaces/{id}{rest}");
    let plain: &[(&str, &str)] = &[];
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS x";
    let certificate = json!({ "public_key": key, "workspace": id });
    vec![
        (Method::GET, at("/terminals"), plain, None),
        (Method::DELETE, at("/terminals/main"), plain, None),
        (Method::GET, at("/ssh"), &STREAM, None),
        (Method::GET, at("/ports/3000"), &STREAM, None),
        (Method::PUT, at("/holds/manual"), plain, Some(json!({}))),
        (Method::DELETE, at("/holds/manual"), plain, None),
        (Method::GET, at("/at/1"), plain, None),
        (Method::GET, at("/previews"), plain, None),
        (
            Method::POST,
            at("/previews"),
            plain,
            Some(json!({ "port": 3000 })),
        ),
        (
            Method::GET,
            format!("/machines/{}", uuid(world)),
            plain,
            None,
        ),
        (
            Method::DELETE,
            format!("/machines/{}", uuid(world)),
            plain,
            None,
        ),
        (
            Method::POST,
            format!("/machines/{}/stop", uuid(world)),
            plain,
            Some(json!({})),
        ),
        (
            Method::POST,
            format!("/machines/{}/start", uuid(world)),
            plain,
            Some(json!({})),
        ),
        (
            Method::POST,
            "/api/v1/ssh/certificates".into(),
            plain,
            Some(certificate),
        ),
        (
            Method::POST,
            at("/exec"),
            plain,
            Some(json!({ "argv": ["true"] })),
        ),
    ]
}

/// The workspace's id as the façade of machines writes it.
fn uuid(world: &World) -> String {
    let text = world.workspace.id.to_string();
    let hex = text.trim_start_matches("ws-");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    parts.join("-")
}

#[tokio::test]
async fn nothing_of_a_workspace_answers_a_stranger_or_another_tenant() -> anyhow::Result<()> {
    let world = World::make().await?;
    for (method, path, headers, body) in requests(&world) {
        for (token, wanted) in [
            (None, 401),
            (Some("nxt_wrong"), 401),
            (Some(world.mallory.as_str()), 404),
        ] {
            let asked = world.ask(token, method.clone(), &path, headers, body.as_ref());
            let (reply, _) = asked.await?;
            ensure!(
                reply.status.as_u16() == wanted,
                "{method} {path}: {} instead of {wanted}: {}",
                reply.status,
                reply.body
            );
            let text = reply.body.to_string();
            ensure!(
                !text.contains("there is nothing at"),
                "no such route: {text}"
            );
            ensure!(!text.contains("desk"), "it says whose it is: {text}");
        }
    }
    let view = world.plane.client.workspace(world.workspace.id, 0).await?;
    ensure!(
        view.phase == Phase::Running && view.holds.is_empty(),
        "{view:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn no_web_socket_opens_for_a_stranger_or_another_tenant() -> anyhow::Result<()> {
    let world = World::make().await?;
    for path in world.sockets() {
        let foreign = if path.contains("events") { 101 } else { 404 };
        for (token, wanted) in [
            (None, 401),
            (Some("nxt_wrong"), 401),
            (Some(world.mallory.as_str()), foreign),
        ] {
            // A tail of events speaks no protocol of its own; naming one would be refused.
            let both: &[&str] = &[BINARY, JSON];
            let protocols = if foreign == 101 { &[] } else { both };
            let opened = world.door(token)?.open(&path, protocols, &[]).await;
            let status = match opened {
                Ok(_) => 101,
                Err(Refused::Status(status, _)) => status,
                Err(Refused::Broken(error)) => return Err(error),
            };
            ensure!(
                status == wanted,
                "{path} with {token:?}: {status}, not {wanted}"
            );
        }
    }
    Ok(())
}

/// A page can make a browser send any GET: none may change anything, nor wake what is stopped.
#[tokio::test]
async fn no_get_changes_anything() -> anyhow::Result<()> {
    let world = World::make().await?;
    let client = &world.plane.client;
    let id = world.workspace.id;
    client.changed(id, "stop").await?;
    let before = client.events(id).await?.len();
    let document: Value = client.get("/openapi.json").await?;
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        let path = filled(&world, path);
        let (reply, _) = match world
            .ask(Some(&world.alice), Method::GET, &path, &[], None)
            .await
        {
            Ok(answer) => answer,
            // A tail of events answers for ever: it was asked, which is what counts.
            Err(error) if path.contains("/events") => {
                drop(error);
                continue;
            }
            Err(error) => return Err(error.context(path)),
        };
        let readable = operations.get("get").is_some();
        let status = reply.status.as_u16();
        ensure!(
            readable || matches!(status, 404 | 405),
            "GET {path}: {status}, although it is no reading route"
        );
        ensure!(status < 500, "GET {path}: {} {}", status, reply.body);
        asked += 1;
    }
    ensure!(asked > 40, "only {asked} paths");
    let view = client.workspace(id, 0).await?;
    ensure!(view.phase == Phase::Stopped, "{:?}", view.phase);
    let after = client.events(id).await?;
    ensure!(after.len() == before, "{:#?}", &after[before..]);
    Ok(())
}

/// The path with this workspace wherever one can be named.
fn filled(world: &World, path: &str) -> String {
    let id = world.workspace.id.to_string();
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let machine = before.ends_with("/machines/");
        filled.push_str(before);
        filled.push_str(match name {
            "id" if machine => return filled + &uuid(world) + after,
            "id" | "workspace" => &id,
            "name" => "desk",
            "port" => "3000",
            "sequence" => "1",
            _ => "main",
        });
        rest = after;
    }
    filled + rest
}
