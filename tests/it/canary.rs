//! No secret is anywhere but where it must be: planted wherever one may enter, looked for everywhere
//! else, through a whole life of a workspace and after it.
//!
//! Meant to hold one: the file it was put into by its owner inside the workspace, the processes
//! inside, and the files Nexus keeps its own keys in (0600, in its home). Nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use nexus_events::id::WorkspaceId;
use nexus_tests::canary::{Hit, Search, Secret, Watch, unexpected};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{docker, require, tool};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Found where it should be: the search does find what is there.
const NAME: &str = "canary-in-the-open";
const VARIABLE: &str = "a variable of a user's credentials";
const FILE: &str = "a file of a user's credentials";
const KEY: &str = "a private key among a user's credentials";
const SCRIPT: &str = "the body of a start script";
const ARGUMENT: &str = "an argument of a command run inside";
const PASSWORD: &str = "a password in the URL of a repository";
const TOKEN: &str = "a user's token";
const OPERATOR: &str = "the operator's token";
const COOKIE: &str = "a browser's cookie";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_its_place_on_process() -> anyhow::Result<()> {
    live("process", None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_its_place_on_docker() -> anyhow::Result<()> {
    const TEST: &str = "no_secret_leaves_its_place_on_docker";
    require!(
        TEST,
        docker::is_usable().await,
        "no container engine answers on this machine, or it has no base image"
    );
    live("docker", docker::engine().await).await
}

async fn live(provider: &str, engine: Option<docker::Engine>) -> anyhow::Result<()> {
    // Everything there is to say is said: what the logs hold then, they hold at any level.
    let plane = Plane::start_with(provider, &[("RUST_LOG", "debug")]).await?;
    let mut secrets = vec![
        Secret::fresh(VARIABLE),
        Secret::fresh(FILE),
        Secret::fresh(KEY),
        Secret::fresh(SCRIPT),
        Secret::fresh(ARGUMENT),
        Secret::fresh(PASSWORD),
    ];
    let watch = Watch::over(&secrets);
    secrets.extend(own_secrets(&plane).await?);
    watch.also(&secrets);
    plant(&plane, &secrets).await?;

    let client = &plane.client;
    let made = client
        .running(ALICE, NAME, json!({ "provider": provider }))
        .await?;
    let id = made.id;
    used(&plane, id, &secrets).await?;
    let inside = places_inside(&plane, id, engine.as_ref()).await?;
    nowhere(&plane, &secrets, engine.as_ref(), id, &inside).await?;
    client.changed(id, "stop").await?;
    client.changed(id, "start").await?;
    used(&plane, id, &secrets).await?;
    nowhere(&plane, &secrets, engine.as_ref(), id, &inside).await?;
    client.changed(id, "delete").await?;

    // Now not even the owner's own files are there.
    nowhere(&plane, &secrets, engine.as_ref(), id, &[]).await?;
    let open = Search::of(&[Secret::found("the name", NAME)]);
    ensure!(
        !open.below(&plane.home().join("nats")).is_empty()
            && !open.below(&plane.home().join("read-model")).is_empty(),
        "the search finds nothing at all"
    );
    let seen = watch.end().await;
    ensure!(seen.is_empty(), "in lists of processes: {seen:#?}");
    Ok(())
}

/// Those Nexus makes: tokens, cookies, and every key in its home.
async fn own_secrets(plane: &Plane) -> anyhow::Result<Vec<Secret>> {
    let token = plane.token_of(ALICE).await?;
    let mut secrets = vec![
        Secret::found(OPERATOR, plane.operator_token()?),
        Secret::found(TOKEN, token.clone()),
        Secret::found(COOKIE, cookie(plane, &token).await?),
    ];
    for (what, path) in keys(plane)? {
        secrets.push(Secret::found(what, heart(&path)?));
    }
    Ok(secrets)
}

/// The part of a key that is nobody else's: of one in several lines the middle one, as the first
/// ones are the same in all.
fn heart(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let heart = match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('-')).collect();
            lines.get(lines.len() / 2).map(|line| line.trim().into())
        }
        Err(_) => Some(bytes),
    };
    let heart: Vec<u8> = heart.unwrap_or_default();
    ensure!(heart.len() >= 16, "{} holds no key", path.display());
    Ok(heart)
}

/// The files of Nexus's own keys, each of which is its place.
fn keys(plane: &Plane) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let home = plane.home();
    let mut keys = vec![
        ("the master key", home.join("master.key")),
        (
            "the key of the host authority",
            home.join("ssh/host_authority"),
        ),
        (
            "the key of the user authority",
            home.join("ssh/user_authority"),
        ),
    ];
    for entry in std::fs::read_dir(home.join("nats/keys"))? {
        let path = entry?.path();
        let is_of = |who: &str| path.to_string_lossy().contains(who);
        let what = match (is_of("keys/control-plane"), is_of("keys/worker")) {
            (true, _) => "the seed of the control plane",
            (_, true) => "the seed of the worker",
            _ => "the seed of the command line",
        };
        keys.push((what, path));
    }
    ensure!(keys.len() >= 6, "{keys:?}");
    Ok(keys)
}

async fn cookie(plane: &Plane, token: &str) -> anyhow::Result<String> {
    let address = format!("http://{}", plane.address());
    let reply = plane
        .over_tcp(None)?
        .request(Method::POST, "/api/v1/sign-in")
        .header("origin", &address)
        .json(&json!({ "token": token }))
        .send()
        .await?;
    let set = reply.headers().get("set-cookie").context("a cookie")?;
    let pair = set.to_str()?.split(';').next().unwrap_or_default();
    let (_, value) = pair.split_once('=').context("a name and a value")?;
    Ok(value.to_owned())
}

fn text<'s>(secrets: &'s [Secret], what: &str) -> &'s str {
    let found = secrets.iter().find(|secret| secret.what == what);
    found.map_or("", Secret::text)
}

/// Puts each where such a thing may be put.
async fn plant(plane: &Plane, secrets: &[Secret]) -> anyhow::Result<()> {
    let hers = plane.over_tcp(Some(text(secrets, TOKEN)))?;
    let key = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        text(secrets, KEY)
    );
    let credentials = json!({
        "env": { "CANARY": text(secrets, VARIABLE) },
        "files": {
            "~/.netrc": format!("machine example.com password {}\n", text(secrets, FILE)),
            "~/.ssh/id_canary": key,
        },
    });
    let script = format!("printf %s {} | wc -c", text(secrets, SCRIPT));
    let scripts = json!({ "post_start": ["sh", "-c", script] });
    for (path, body) in [("credentials", credentials), ("scripts", scripts)] {
        let path = format!("/api/v1/settings/{path}");
        let reply = hers.send(Method::PUT, &path, Some(&body)).await?;
        ensure!(reply.status == StatusCode::OK, "{path}: {}", reply.body);
    }
    let password = text(secrets, PASSWORD);
    for url in [
        format!("https://ada:{password}@github.com/ada/engine.git"),
        format!("https://{password}@github.com/ada/engine.git"),
        format!("ssh://git:{password}@github.com/ada/engine.git"),
    ] {
        let repository = json!({ "owner": "ada", "name": "engine", "url": url });
        let body = json!({ "name": "refused", "spec": { "repository": repository } });
        let reply = hers
            .send(Method::POST, "/api/v1/workspaces", Some(&body))
            .await?;
        ensure!(
            reply.status == StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            reply.body
        );
    }
    Ok(())
}

/// What is to be inside is there; so what is found nowhere else was not lost on the way.
async fn used(plane: &Plane, id: WorkspaceId, secrets: &[Secret]) -> anyhow::Result<()> {
    let hers = plane.over_tcp(Some(text(secrets, TOKEN)))?;
    let argument = text(secrets, ARGUMENT);
    let shell = "test \"$1\" != '' && printf %s \"$CANARY\" && cat ~/.netrc ~/.ssh/id_canary";
    let arrived = async {
        loop {
            let ran = hers.exec(id, &["sh", "-c", shell, "sh", argument]).await?;
            // They are pushed a moment after the start.
            if [VARIABLE, FILE, KEY]
                .iter()
                .all(|what| ran.stdout.contains(text(secrets, what)))
            {
                return anyhow::Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let arrived = tokio::time::timeout(std::time::Duration::from_secs(30), arrived).await;
    arrived.context("the credentials did not arrive inside")?
}

/// Where the owner's files are on this machine while the workspace lives.
async fn places_inside(
    plane: &Plane,
    id: WorkspaceId,
    engine: Option<&docker::Engine>,
) -> anyhow::Result<Vec<PathBuf>> {
    let Some(engine) = engine else {
        return Ok(vec![plane.home().join("workers/process")]);
    };
    let container = engine.inspect(&id.to_string()).await?;
    Ok(folders_of(&container))
}

/// The folders of a container on this machine.
fn folders_of(container: &Value) -> Vec<PathBuf> {
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    let mounted = mounts.filter_map(|mount| mount["Source"].as_str());
    let layer = container["GraphDriver"]["Data"]["UpperDir"].as_str();
    let log = container["LogPath"].as_str();
    let all = mounted.chain(layer).chain(log);
    all.filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// Looks everywhere; the owner's own two files may be below `inside`.
async fn nowhere(
    plane: &Plane,
    secrets: &[Secret],
    engine: Option<&docker::Engine>,
    id: WorkspaceId,
    inside: &[PathBuf],
) -> anyhow::Result<()> {
    let search = Search::of(secrets);
    let home = plane.home();
    let mut hits = search.below(home);
    if let Some(engine) = engine {
        let container = engine.inspect(&id.to_string()).await?;
        let found = search.in_bytes(container.to_string().as_bytes());
        hits.extend(found.into_iter().map(|what| Hit {
            what,
            place: "docker inspect".to_owned(),
        }));
        for folder in folders_of(&container) {
            hits.extend(search.below(&folder));
        }
    }
    hits.extend(journal(&search).await?);
    let mut meant = keys(plane)?;
    meant.push((OPERATOR, home.join("token")));
    let hits = unexpected(hits, &meant);
    let hits: Vec<Hit> = hits
        .into_iter()
        .filter(|hit| !is_owners_file(hit, inside))
        .collect();
    ensure!(hits.is_empty(), "{hits:#?}");
    Ok(())
}

/// What the owner asked to be written there: these two files, in the workspace's home.
fn is_owners_file(hit: &Hit, inside: &[PathBuf]) -> bool {
    let place = Path::new(&hit.place);
    let file = match hit.what {
        FILE => ".netrc",
        KEY => ".ssh/id_canary",
        _ => return false,
    };
    place.ends_with(file) && inside.iter().any(|folder| place.starts_with(folder))
}

/// What the system's journal took from us, where there is one.
async fn journal(search: &Search) -> anyhow::Result<Vec<Hit>> {
    if !Path::new("/run/systemd/system").exists() || !tool::is_installed("journalctl") {
        return Ok(Vec::new());
    }
    let since = ["--since", "-15min", "--no-pager", "--output", "export"];
    let said = tool::run("journalctl", &since).await?.stdout;
    let found = search.in_bytes(said.as_bytes());
    Ok(found
        .into_iter()
        .map(|what| Hit {
            what,
            place: "journal".to_owned(),
        })
        .collect())
}
