//! What a foreign page makes a browser do with what the browser holds for us.

use anyhow::{Context as _, ensure};
use nexus_tests::terminal::{self, BINARY, Refused};
use reqwest::Method;
use reqwest::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};

use super::World;

const SIGN_IN: &str = "/api/v1/sign-in";

impl World {
    /// Signs Alice in; the cookie as the browser sends it, and as it was set.
    async fn signed_in(&self) -> anyhow::Result<(String, String)> {
        let body = json!({ "token": self.alice });
        let origin = self.origin();
        let headers = [("Origin", origin.as_str())];
        let asked = self.ask(None, Method::POST, SIGN_IN, &headers, Some(&body));
        let (reply, headers) = asked.await?;
        ensure!(reply.status.is_success(), "{reply:?}");
        let set = headers
            .get(SET_COOKIE)
            .context("a cookie")?
            .to_str()?
            .to_owned();
        let sent = set.split(';').next().unwrap_or_default().to_owned();
        Ok((sent, set))
    }

    async fn with_cookie(
        &self,
        cookie: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<u16> {
        let headers = [&[("Cookie", cookie)], headers].concat();
        let (reply, _) = self.ask(None, method, path, &headers, body).await?;
        Ok(reply.status.as_u16())
    }

    async fn ticket(&self) -> anyhow::Result<String> {
        let client = self.plane.over_tcp(Some(&self.alice))?;
        let issued: Value = client.post("/api/v1/tickets", &json!({})).await?;
        Ok(issued["ticket"].as_str().context("a ticket")?.to_owned())
    }
}

#[tokio::test]
async fn the_cookie_cannot_be_read_sent_elsewhere_or_kept_after_signing_out() -> anyhow::Result<()>
{
    let world = World::make().await?;
    let (cookie, set) = world.signed_in().await?;
    let attributes: Vec<String> = set
        .split(';')
        .skip(1)
        .map(|attribute| attribute.trim().to_lowercase())
        .collect();
    ensure!(cookie.starts_with("__Host-nexus="), "{set}");
    for wanted in ["httponly", "secure", "samesite=strict", "path=/"] {
        ensure!(
            attributes.iter().any(|one| one == wanted),
            "no {wanted}: {set}"
        );
    }
    ensure!(!set.to_lowercase().contains("domain"), "{set}");
    ensure!(
        !set.contains(&world.alice),
        "the cookie is the token itself"
    );
    let own = world.origin();
    let own = [("Origin", own.as_str())];
    let me = world.with_cookie(&cookie, Method::GET, SIGN_IN, &[], None);
    ensure!(me.await? == 200, "it lets in");
    let path = "/api/v1/workspaces";
    ensure!(
        world
            .with_cookie(&cookie, Method::GET, path, &[], None)
            .await?
            == 200,
        "reads"
    );
    let out = world.with_cookie(&cookie, Method::DELETE, SIGN_IN, &own, None);
    ensure!(matches!(out.await?, 200 | 204), "signs out");
    ensure!(
        world
            .with_cookie(&cookie, Method::GET, path, &[], None)
            .await?
            == 401,
        "is over"
    );
    let wrong = json!({ "token": "nxt_wrong" });
    let (reply, headers) = world
        .ask(None, Method::POST, SIGN_IN, &own, Some(&wrong))
        .await?;
    ensure!(
        reply.status.as_u16() == 401 && headers.get(SET_COOKIE).is_none(),
        "{reply:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_changes_nothing_with_the_cookie() -> anyhow::Result<()> {
    let world = World::make().await?;
    let (cookie, _) = world.signed_in().await?;
    let own = world.origin();
    let port = world.plane.address().replace("127.0.0.1:", "");
    let preview = format!("http://3000-{}.preview.localhost:{port}", "0".repeat(32));
    let path = format!("/api/v1/workspaces/{}/stop", world.workspace.id);
    let nothing = json!({});
    let foreign = [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        &preview,
    ];
    for origin in foreign {
        let headers = [("Origin", origin)];
        let status = world.with_cookie(&cookie, Method::POST, &path, &headers, Some(&nothing));
        ensure!(status.await? == 403, "a write from {origin}");
    }
    for site in ["cross-site", "same-site"] {
        let headers = [("Origin", own.as_str()), ("Sec-Fetch-Site", site)];
        let status = world.with_cookie(&cookie, Method::POST, &path, &headers, Some(&nothing));
        ensure!(status.await? == 403, "a write from {site}");
    }
    // A cookie without an origin is no program of the user's own: programs send tokens.
    let bare = world.with_cookie(&cookie, Method::POST, &path, &[], Some(&nothing));
    let status = bare.await?;
    ensure!(
        matches!(status, 401 | 403),
        "a write without an origin: {status}"
    );
    let view = world.plane.client.workspace(world.workspace.id, 0).await?;
    ensure!(
        view.phase == nexus_events::workspace::Phase::Running,
        "it was stopped"
    );
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_opens_no_web_socket() -> anyhow::Result<()> {
    let world = World::make().await?;
    let (cookie, _) = world.signed_in().await?;
    for path in world.sockets() {
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:1",
            "file://",
        ] {
            let ticket = format!("nexus.ticket.{}", world.ticket().await?);
            let headers = [("Origin", origin), ("Cookie", cookie.as_str())];
            let door = world.door(None)?;
            let opened = door.open(&path, &[BINARY, &ticket], &headers).await;
            ensure!(
                matches!(opened, Err(Refused::Status(403, _))),
                "{path} from {origin}: {opened:?}"
            );
            let door = world.door(Some(&world.alice))?;
            let opened = door.open(&path, &[BINARY], &headers[..1]).await;
            ensure!(
                matches!(opened, Err(Refused::Status(403, _))),
                "{path} from {origin} with a token: {opened:?}"
            );
        }
        // Only a program may say nothing of where it comes from, and a program has a token.
        let headers = [("Cookie", cookie.as_str())];
        let opened = world.door(None)?.open(&path, &[BINARY], &headers).await;
        ensure!(
            matches!(opened, Err(Refused::Status(401 | 403, _))),
            "{path} with a cookie from nowhere: {opened:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_ticket_opens_one_web_socket() -> anyhow::Result<()> {
    let world = World::make().await?;
    let path = terminal::path(&world.workspace.id.to_string(), "main", None);
    let origin = world.origin();
    let headers = [("Origin", origin.as_str())];
    let ticket = format!("nexus.ticket.{}", world.ticket().await?);
    let door = world.door(None)?;
    let mut socket = door
        .open(&path, &[BINARY, &ticket], &headers)
        .await
        .map_err(|refused| anyhow::anyhow!("the first use: {refused:?}"))?;
    terminal::attached(&mut socket).await?;
    let again = door.open(&path, &[BINARY, &ticket], &headers).await;
    ensure!(matches!(again, Err(Refused::Status(401, _))), "{again:?}");
    let made_up = format!("nexus.ticket.{}", "A".repeat(43));
    let guessed = door.open(&path, &[BINARY, &made_up], &headers).await;
    ensure!(
        matches!(guessed, Err(Refused::Status(401, _))),
        "{guessed:?}"
    );
    // A ticket is for opening a WebSocket, not for anything else.
    let ticket = world.ticket().await?;
    let bearer = world.ask(Some(&ticket), Method::GET, "/api/v1/workspaces", &[], None);
    ensure!(
        bearer.await?.0.status.as_u16() == 401,
        "a ticket is no token"
    );
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_made_to_point_here_gets_nothing() -> anyhow::Result<()> {
    let world = World::make().await?;
    let (cookie, _) = world.signed_in().await?;
    let paths = [
        "/",
        "/terminal.html",
        "/api/v1/workspaces",
        SIGN_IN,
        "/openapi.json",
    ];
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "",
    ] {
        for path in paths {
            let headers = [(HOST.as_str(), host), ("Cookie", cookie.as_str())];
            let asked = world.ask(Some(&world.alice), Method::GET, path, &headers, None);
            let status = asked.await?.0.status.as_u16();
            ensure!(
                (400..500).contains(&status),
                "{path} under `{host}`: {status}"
            );
        }
        let evil = format!("http://{host}");
        let headers = [("Host", host), (ORIGIN.as_str(), evil.as_str())];
        let path = terminal::path(&world.workspace.id.to_string(), "main", None);
        let opened = world
            .door(Some(&world.alice))?
            .open(&path, &[BINARY], &headers)
            .await;
        ensure!(
            matches!(opened, Err(Refused::Status(400..500, _))),
            "a terminal under `{host}`: {opened:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn pages_run_nothing_foreign_and_are_framed_by_nobody() -> anyhow::Result<()> {
    let world = World::make().await?;
    for path in ["/", "/terminal.html", "/workspaces", "/workspaces/desk"] {
        let page = [("Accept", "text/html")];
        let (reply, headers) = world.ask(None, Method::GET, path, &page, None).await?;
        ensure!(reply.status.is_success(), "{path}: {}", reply.status);
        let policy = headers
            .get(CONTENT_SECURITY_POLICY)
            .with_context(|| format!("{path} has no policy"))?
            .to_str()?;
        for wanted in [
            "default-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            ensure!(policy.contains(wanted), "{path}: no {wanted}: {policy}");
        }
        let scripts = policy
            .split(';')
            .find(|rule| rule.trim().starts_with("script-src"))
            .unwrap_or_default();
        ensure!(!scripts.contains("unsafe"), "{path}: {policy}");
        ensure!(
            !policy.contains("unsafe-eval") && !policy.contains('*'),
            "{path}: {policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            let found = headers.get(name).and_then(|found| found.to_str().ok());
            ensure!(found == Some(value), "{path}: {name} is {found:?}");
        }
    }
    Ok(())
}
