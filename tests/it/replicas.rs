//! Two `nexusd` on one log: whichever is asked, the answer is the same, and one that dies is missed
//! by nobody.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::join_all;
use nexus_events::view::{OperationView, WorkspaceView};
use nexus_events::workspace::Phase;
use nexus_tests::binaries;
use nexus_tests::chaos::fault::Target;
use nexus_tests::client::{Client, succeeded};
use nexus_tests::plane::{ALICE, make_key};
use nexus_tests::replicas::Replicas;
use nexus_tests::terminal::{self, Door, Refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn two() -> anyhow::Result<(Replicas, Client, Client)> {
    let replicas = Replicas::start(2, &["process"]).await?;
    let (a, b) = (replicas.client(0)?, replicas.client(1)?);
    Ok((replicas, a, b))
}

fn plain() -> Value {
    json!({ "provider": "process" })
}

/// A token of Alice's, issued by the replica `client` leads to.
async fn token(client: &Client) -> anyhow::Result<(String, String)> {
    let users: Value = client.get("/api/v1/users").await?;
    let mut all = users["items"].as_array().into_iter().flatten();
    let alice = all
        .find(|user| user["github_login"] == ALICE)
        .context("alice")?;
    let body = json!({ "user": alice["id"], "scope": "user" });
    let issued: Value = client.post("/api/v1/tokens", &body).await?;
    let word = |name: &str| issued[name].as_str().map(str::to_owned);
    Ok((
        word("token").context("its text")?,
        word("id").context("its id")?,
    ))
}

#[tokio::test]
async fn what_one_replica_made_the_other_shows_opens_and_stops() -> anyhow::Result<()> {
    let (replicas, a, b) = two().await?;
    let created = a.create(ALICE, "shared", plain()).await?;
    // Read at once, at the other, by the sequence of the write.
    let seen = b.workspace(created.workspace, created.sequence).await?;
    ensure!(seen.name.to_string() == "shared", "{seen:?}");
    let made = b.ended(created.operation.context("an operation")?).await?;
    succeeded(made).with_context(|| replicas.last_words())?;

    let door = Door {
        address: replicas.address(1).parse()?,
        host: replicas.address(1),
        token: Some(token(&a).await?.0),
    };
    let path = terminal::path(&created.workspace.to_string(), "main", None);
    let mut shell = door.shell(&path, terminal::BINARY).await?;
    shell.type_bytes(b"echo $((6 * 7))-there\r").await?;
    shell.until("42-there").await?;
    drop(shell);

    b.changed(created.workspace, "stop").await?;
    let end = b.workspace(created.workspace, 0).await?;
    let seen = a.workspace(created.workspace, end.sequence).await?;
    ensure!(seen.phase == Phase::Stopped, "{:?}", seen.phase);
    a.changed(created.workspace, "delete").await?;
    Ok(())
}

#[tokio::test]
async fn of_creates_of_one_name_on_two_replicas_one_wins() -> anyhow::Result<()> {
    let (_replicas, a, b) = two().await?;
    let body = json!({ "name": "same", "spec": plain() });
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let asked = (0..16).map(|turn| {
        let client = if turn % 2 == 0 { &a } else { &b };
        client.send(Method::POST, &path, Some(&body))
    });
    let replies: Vec<_> = join_all(asked)
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    let won = replies.iter().filter(|reply| reply.status.is_success());
    ensure!(won.count() == 1, "{replies:#?}");
    let lost = replies.iter().filter(|reply| !reply.status.is_success());
    ensure!(
        lost.clone().all(|reply| reply.body["code"] == "CONFLICT"),
        "{replies:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn of_adds_of_one_key_by_two_at_two_replicas_one_wins() -> anyhow::Result<()> {
    let (replicas, a, b) = two().await?;
    let page: Value = a.get("/api/v1/users").await?;
    let users = page["items"].as_array().into_iter().flatten();
    let users: Vec<_> = users.filter_map(|user| user["id"].as_str()).collect();
    ensure!(users.len() == 2, "{page}");
    for round in 0..8 {
        let key = make_key(&replicas.home().join(format!("id_both_{round}"))).await?;
        let body = json!({ "public_key": key.line });
        let path = |user: &str| format!("/api/v1/users/{user}/keys");
        let (hers, his) = (path(users[0]), path(users[1]));
        let (one, other) = tokio::join!(
            a.send(Method::POST, &hers, Some(&body)),
            b.send(Method::POST, &his, Some(&body))
        );
        let replies = [one?, other?];
        let won = replies.iter().filter(|reply| reply.status.is_success());
        ensure!(won.count() == 1, "{replies:#?}");
        let lost = replies.iter().find(|reply| !reply.status.is_success());
        let lost = &lost.context("a loser")?.body;
        ensure!(
            lost["code"] == "CONFLICT" && lost["errors"][0]["field"] == "key",
            "{lost}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_sent_again_to_the_other_replica_is_one_request() -> anyhow::Result<()> {
    let (_replicas, a, b) = two().await?;
    let create = json!({ "name": "once", "spec": plain() });
    let path = format!("/api/v1/workspaces?owner={ALICE}");
    let ask = |client: &Client, path: &str, body: &Value, key: &str| {
        let request = client.request(Method::POST, path);
        let request = request.header("Idempotency-Key", key).json(body);
        async move {
            let reply = request.send().await?;
            let (status, text) = (reply.status(), reply.text().await?);
            ensure!(status.is_success(), "{status} {text}");
            anyhow::Ok(serde_json::from_str::<Value>(&text)?)
        }
    };
    let (one, other) = tokio::join!(
        ask(&a, &path, &create, "create-once"),
        ask(&b, &path, &create, "create-once")
    );
    let (one, other) = (one?, other?);
    ensure!(one["workspace"] == other["workspace"], "{one} {other}");
    ensure!(one["operation"] == other["operation"], "{one} {other}");
    let operation = one["operation"].as_str().context("an operation")?.parse()?;
    succeeded(b.ended(operation).await?)?;
    let id = one["workspace"].as_str().context("an id")?;
    let stop = format!("/api/v1/workspaces/{id}/stop");
    let first = ask(&a, &stop, &json!({}), "stop-once").await?;
    let again = ask(&b, &stop, &json!({}), "stop-once").await?;
    ensure!(first["operation"] == again["operation"], "{first} {again}");
    Ok(())
}

#[tokio::test]
async fn who_is_let_in_at_one_replica_is_at_the_other_until_shown_out() -> anyhow::Result<()> {
    let (replicas, a, b) = two().await?;
    let (text, id) = token(&a).await?;
    // At once: the other may not have read of it yet.
    let over_b = replicas.over_tcp(1, &text)?;
    let reply = over_b.send(Method::GET, "/api/v1/workspaces", None).await?;
    ensure!(reply.status == StatusCode::OK, "{reply:?}");

    // A ticket counts once, and not once at each.
    let desk = a.running(ALICE, "desk", plain()).await?;
    let ticket: Value = replicas
        .over_tcp(0, &text)?
        .post("/api/v1/tickets", &json!({}))
        .await?;
    let ticket = ticket["ticket"].as_str().context("a ticket")?;
    let offered = format!("nexus.ticket.{ticket}");
    let terminal = terminal::path(&desk.id.to_string(), "main", None);
    let mut let_in = Vec::new();
    for number in [1, 0, 1] {
        let door = Door {
            address: replicas.address(number).parse()?,
            host: replicas.address(number),
            token: None,
        };
        let opened = door
            .open(&terminal, &[terminal::BINARY, &offered], &[])
            .await;
        let_in.push(match opened {
            Ok(_) => 101,
            Err(Refused::Status(status, _)) => status,
            Err(Refused::Broken(error)) => return Err(error),
        });
    }
    ensure!(let_in == [101, 401, 401], "{let_in:?}");

    let path = format!("/api/v1/tokens/{id}");
    let revoked = a.send(Method::DELETE, &path, None).await?;
    ensure!(revoked.status.is_success(), "{revoked:?}");
    let shown_out = async {
        loop {
            let reply = over_b.send(Method::GET, "/api/v1/workspaces", None).await?;
            if reply.status == StatusCode::UNAUTHORIZED {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(1), shown_out)
        .await
        .context("a revoked token counts for longer than a second")??;
    drop(b);
    Ok(())
}

/// A browser at one replica's previews; what it holds is the other's as well.
struct Browser {
    at: [Client; 2],
    host: String,
    cookie: String,
}

impl Browser {
    /// Lets it in by the first replica, as whoever `text` is of.
    async fn enter(replicas: &Replicas, text: &str, desk: &WorkspaceView) -> anyhow::Result<Self> {
        let path = format!("/api/v1/workspaces/{}/previews", desk.id);
        let api = replicas.over_tcp(0, text)?;
        let opened: Value = api.post(&path, &json!({ "port": 3000 })).await?;
        let address = opened["enter_url"].as_str().context("an address")?;
        let address = address.strip_prefix("http://").context("of http")?;
        let (page, ticket) = address.split_once('#').context("a ticket")?;
        let (host, path) = page.split_once('/').context("a path")?;
        let anybody = |number| Client::tcp(&format!("http://{}", replicas.address(number)), None);
        let at = [anybody(0)?, anybody(1)?];
        let entering = at[0]
            .request(Method::POST, &format!("/{path}"))
            .header("Host", host)
            .header("Origin", format!("http://{host}"))
            .body(ticket.to_owned());
        let answer = entering.send().await?;
        let cookie = answer.headers().get("set-cookie").context("a cookie")?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
        Ok(Self {
            cookie: cookie.to_owned(),
            host: host.to_owned(),
            at,
        })
    }

    /// Whether it is let in at a replica; nothing listens behind the preview, which is told then.
    async fn is_in(&self, number: usize) -> anyhow::Result<bool> {
        let request = self.at[number].request(Method::GET, "/");
        let request = request.header("Host", &self.host);
        let answer = request.header("Cookie", &self.cookie).send().await?;
        match answer.status() {
            StatusCode::BAD_GATEWAY => Ok(true),
            StatusCode::UNAUTHORIZED => Ok(false),
            other => anyhow::bail!("{other}: {}", answer.text().await?),
        }
    }

    async fn shown_out(&self) -> anyhow::Result<()> {
        let refused = async {
            while self.is_in(0).await? || self.is_in(1).await? {}
            anyhow::Ok(())
        };
        let within = tokio::time::timeout(Duration::from_secs(1), refused).await;
        within.context("it is let in for longer than a second")?
    }
}

#[tokio::test]
async fn who_is_let_into_a_preview_at_one_replica_is_at_the_other_until_shown_out()
-> anyhow::Result<()> {
    let (mut replicas, a, b) = two().await?;
    let desk = a.running(ALICE, "desk", plain()).await?;
    b.workspace(desk.id, desk.sequence).await?;
    let (text, id) = token(&a).await?;
    let browser = Browser::enter(&replicas, &text, &desk).await?;
    ensure!(browser.is_in(0).await? && browser.is_in(1).await?);
    for number in [0, 1] {
        let program = &mut replicas.member(Target::Plane(number))?.program;
        program.kill().await?;
        program.start()?;
        replicas.ready(number).await?;
        ensure!(browser.is_in(number).await?, "{number} has forgotten it");
    }
    let closing = format!("/api/v1/workspaces/{}/previews/3000", desk.id);
    let closed = b.send(Method::DELETE, &closing, None).await?;
    ensure!(closed.status.is_success(), "{closed:?}");
    browser.shown_out().await?;

    let browser = Browser::enter(&replicas, &text, &desk).await?;
    ensure!(browser.is_in(1).await?, "by a new ticket");
    let path = format!("/api/v1/tokens/{id}");
    let revoked = a.send(Method::DELETE, &path, None).await?;
    ensure!(revoked.status.is_success(), "{revoked:?}");
    browser.shown_out().await
}

/// Whatever a replica was about to do when it was killed, the other does.
#[tokio::test]
async fn a_replica_killed_in_the_middle_leaves_nothing_undone() -> anyhow::Result<()> {
    let (mut replicas, a, b) = two().await?;
    for round in 0..4 {
        let created = a.create(ALICE, &format!("orphan-{round}"), plain()).await?;
        replicas.member(Target::Plane(0))?.program.kill().await?;
        let operation = created.operation.context("an operation")?;
        succeeded(b.ended(operation).await?).with_context(|| replicas.last_words())?;
        // Its name and port are let go of once it is deleted: policies go on as well.
        let deleted: OperationView = b.changed(created.workspace, "delete").await?;
        ensure!(deleted.failure.is_none());
        replicas.member(Target::Plane(0))?.program.start()?;
        replicas.ready(0).await?;
    }
    let again: WorkspaceView = b.running(ALICE, "orphan-0", plain()).await?;
    a.workspace(again.id, again.sequence).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_with_other_keys_is_told_so_and_does_not_start() -> anyhow::Result<()> {
    let (replicas, a, _) = two().await?;
    let home = replicas.home().join("stranger");
    let seed = replicas.home().join("log/keys/control-plane.nk");
    let started = tokio::process::Command::new(binaries::binary("nexusd")?)
        .args(["daemon", "--listen", "127.0.0.1:0", "--worker", "none"])
        .env("NEXUS_HOME", &home)
        .env("NEXUS_SSH_LISTEN", "off")
        .env("NEXUS_NATS_URL", replicas.log_url())
        .env("NEXUS_NATS_CREDS", seed)
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(Duration::from_secs(60), started).await??;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned()
        + &String::from_utf8_lossy(&ended.stdout);
    ensure!(
        !ended.status.success() && said.contains("another master key"),
        "{said}"
    );
    ensure!(said.contains("--keys FOLDER"), "{said}");
    let page: Value = a.get("/api/v1/users").await?;
    ensure!(
        page["items"]
            .as_array()
            .is_some_and(|users| users.len() == 2),
        "{page}"
    );
    Ok(())
}
