//! Tails of the log: a thousand at once of which some are stuck, and some that are cut again and
//! again while every program they lead to is killed. Each has every event once, in order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nexus_tests::client::Client;
use nexus_tests::cutter::Cutter;
use nexus_tests::history;
use nexus_tests::plane::{ALICE, Plane, make_key};
use nexus_tests::require;
use nexus_tests::tail::{Carrier, Place, Tail};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Method, RequestBuilder, Response};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The tails that are read, and those that are not.
const READ: usize = 950;
const STUCK: usize = 50;
/// Workspaces that fail while they are open, and the bytes told of each: more than the buffers of a
/// stuck one have room for.
const FAILURES: (usize, usize) = (300, 4 << 10);
/// What a tail may cost the server at most, in KiB of resident memory, whether read or stuck.
const MOST_MEMORY: u64 = 64;
/// How long all that are read may take to have what was written, from the last write on.
const SOON: Duration = Duration::from_secs(30);
/// How long the server may put up with those that are stuck.
const LET_GO: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tails_of_which_some_are_stuck_get_every_event_once() -> anyhow::Result<()> {
    const TEST: &str = "a_thousand_tails_of_which_some_are_stuck_get_every_event_once";
    let given = getrlimit(Resource::Nofile);
    let enough = given.maximum.is_none_or(|most| most >= 4096);
    require!(TEST, enough, "this machine allows too few open files");
    // What most systems give; nexusd has to see to it that it has more.
    limit_files(Some(1024), given)?;
    let plane = Plane::start("process").await?;
    limit_files(given.maximum, given)?;
    let server = *plane.processes("nexusd")?.first().context("nexusd")?;
    let worker = *plane
        .processes("nexus-worker")?
        .first()
        .context("a worker")?;
    ensure!(
        most_files(worker)? == 1024,
        "programs of users get another limit"
    );

    let operator = Place::socket(&plane.home().join("daemon.sock"))?;
    let mut read = Vec::new();
    for place in places(&plane, &operator).await? {
        read.push(Tail::new(&place, carrier(read.len())));
    }
    // Over the local socket, whose buffers are the smallest.
    let tail = |number| Tail::new(&operator, carrier(number));
    let mut stuck: Vec<Tail> = (0..STUCK).map(tail).collect();
    let before = begin_to_measure(server)?;
    open_all(stuck.iter_mut().chain(&mut read)).await?;
    ensure!(
        open_tails(&plane.client).await? == READ + STUCK,
        "all are open"
    );

    let (end, goal) = watch::channel(u64::MAX);
    let mut reading = JoinSet::new();
    for mut tail in read {
        let goal = goal.clone();
        reading.spawn(async move {
            tail.follow(goal).await?;
            anyhow::Ok((tail.opened(), Instant::now()))
        });
    }
    let last = history::failures(&plane, FAILURES.0, &"x".repeat(FAILURES.1)).await?;
    let written = Instant::now();
    end.send_replace(last);
    let mut slowest = Duration::ZERO;
    while let Some(ended) = reading.join_next().await {
        let (opened, at) = ended??;
        ensure!(opened == 1, "one that is read was cut {} times", opened - 1);
        slowest = slowest.max(at.saturating_duration_since(written));
    }
    ensure!(slowest < SOON, "the last had everything after {slowest:?}");
    let grown = most_memory(server)?.saturating_sub(before) / (READ + STUCK) as u64;
    said(&format!(
        "{READ} tails had {last} events {slowest:.1?} after the last; {grown} KiB each"
    ));
    ensure!(grown <= MOST_MEMORY, "{grown} KiB for each tail");

    // Nobody else has one open any more, and those ended by themselves.
    let begun = Instant::now();
    while open_tails(&plane.client).await? > 0 {
        ensure!(begun.elapsed() < LET_GO, "stuck ones are held for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    said(&format!(
        "{STUCK} stuck ones were let go within {:.1?}",
        written.elapsed()
    ));
    try_join_all(stuck.iter_mut().map(|tail| async {
        tail.read(last).await?;
        ensure!(tail.last() < last, "its buffers had room for everything");
        tail.follow(goal.clone()).await
    }))
    .await?;
    Ok(())
}

/// As many places as tails are read: the operator may have any number, everybody else so many each.
async fn places(plane: &Plane, operator: &Place) -> anyhow::Result<Vec<Place>> {
    const PEOPLE: u64 = 20;
    const EACH: usize = 32;
    let mut places = Vec::new();
    for number in 0..PEOPLE {
        let login = format!("reader-{number}");
        let key = make_key(&plane.home().join(&login)).await?;
        plane.client.register(&login, 100 + number, &key).await?;
        let token = plane.administrator_token(&login).await?;
        let place = Place::network(plane.door(Some(&token))?)?;
        places.extend(std::iter::repeat_n(place, EACH));
    }
    places.resize(READ, operator.clone());
    Ok(places)
}

const fn carrier(number: usize) -> Carrier {
    match number % 2 {
        0 => Carrier::Sse,
        _ => Carrier::WebSocket,
    }
}

/// Opens them, some at a time: more wait for no listener.
async fn open_all(tails: impl Iterator<Item = &mut Tail>) -> anyhow::Result<()> {
    let opening = stream::iter(tails.map(Tail::open)).buffer_unordered(50);
    opening.try_collect().await
}

/// How many tails the server counts.
async fn open_tails(client: &Client) -> anyhow::Result<usize> {
    let reply = client.request(Method::GET, "/metrics").send().await?;
    let text = reply.error_for_status()?.text().await?;
    let names = ["nexus_sse_connections ", "nexus_ws_connections "];
    let figures = text.lines().filter_map(|line| {
        let figure = names.iter().find_map(|name| line.strip_prefix(name))?;
        figure.trim().parse::<usize>().ok()
    });
    Ok(figures.sum())
}

/// Sets how many files this process, and what it starts, may have open.
fn limit_files(most: Option<u64>, given: Rlimit) -> anyhow::Result<()> {
    let maximum = given.maximum;
    let limit = Rlimit {
        current: most,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("limiting open files")
}

/// How many files a process may have open.
fn most_files(process: u32) -> anyhow::Result<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits"))?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let word = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(word.context("its limits")?.parse()?)
}

/// What a process holds, in KiB; the most it ever holds counts from now.
fn begin_to_measure(process: u32) -> anyhow::Result<u64> {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
    most_memory(process)
}

/// The most it held, in KiB.
fn most_memory(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.context("its memory")?.parse()?)
}

#[expect(clippy::print_stdout, reason = "the figures of this run")]
fn said(text: &str) {
    println!("{text}");
}

/// What happens to tails that are read.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// Every connection is cut.
    Cut,
    /// The control plane ends in good order and comes back.
    Restart,
    /// It is killed, and comes back.
    Kill,
    /// The log's server is killed, and started again by whoever keeps it.
    KillLog,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tails_cut_at_random_go_on_from_their_cursor() -> anyhow::Result<()> {
    const SEED: u64 = 7;
    const TAILS: usize = 20;
    const ROUNDS: usize = 8;
    let mut plane = Plane::start("none").await?;
    let cutter = Cutter::seeded(plane.address().parse()?, SEED, 40_000, 200).await?;
    let token = plane.operator_token()?;
    let mut door = plane.door(Some(&token))?;
    door.address = cutter.address();
    let place = Place::network(door)?;
    let (end, goal) = watch::channel(u64::MAX);
    let mut reading = JoinSet::new();
    for number in 0..TAILS {
        let (mut tail, goal) = (Tail::new(&place, carrier(number)), goal.clone());
        reading.spawn(async move {
            tail.follow(goal).await?;
            anyhow::Ok(tail.opened())
        });
    }
    let blows = [Blow::Cut, Blow::Restart, Blow::Kill, Blow::KillLog];
    let mut numbers = StdRng::seed_from_u64(SEED);
    let (user, client) = (plane.user_id(ALICE).await?, plane.client.clone());
    let (mut written, mut last) = (0, 0);
    for round in 0..ROUNDS {
        let blow = blows[round % blows.len()];
        for _ in 0..numbers.random_range(1..20) {
            written += 1;
            last = write(&client, &user, written).await?;
        }
        let begun = Instant::now();
        strike(&mut plane, &cutter, blow)
            .await
            .with_context(|| format!("{blow:?}\n{}", plane.log_tail()))?;
        written += 1;
        last = last.max(write(&client, &user, written).await?);
        said(&format!(
            "{blow:?}: written again after {:.1?}",
            begun.elapsed()
        ));
    }
    end.send_replace(last);
    let mut opened = Vec::new();
    while let Some(ended) = reading.join_next().await {
        opened.push(ended??);
    }
    let fewest = opened.iter().min().copied().unwrap_or_default();
    ensure!(fewest > ROUNDS / 2, "some were hardly cut: {opened:?}");
    said(&format!(
        "{TAILS} tails had all {last} events, {} connections later ({} of them cut by the network)",
        opened.iter().sum::<usize>(),
        cutter.cuts()
    ));
    Ok(())
}

async fn strike(plane: &mut Plane, cutter: &Cutter, blow: Blow) -> anyhow::Result<()> {
    match blow {
        Blow::Cut => cutter.cut_all(),
        Blow::Restart => {
            plane.stop().await?;
            plane.restart().await?;
        }
        Blow::Kill => {
            plane.kill().await?;
            plane.restart().await?;
        }
        Blow::KillLog => {
            ensure!(plane.kill_processes("nats-server")? > 0, "no log to kill");
        }
    }
    Ok(())
}

/// Makes two events as soon as the log takes them; the sequence of the last.
async fn write(client: &Client, user: &str, number: usize) -> anyhow::Result<u64> {
    let body = json!({ "user": user, "scope": "user" });
    let issue = || {
        let request = client.request(Method::POST, "/api/v1/tokens").json(&body);
        request.header("Idempotency-Key", format!("tails-{number}"))
    };
    let issued: Value = taken(issue).await?.json().await?;
    let path = format!("/api/v1/tokens/{}", issued["id"].as_str().context("an id")?);
    let revoked = taken(|| client.request(Method::DELETE, &path)).await?;
    let sequence = revoked.headers().get("x-nexus-sequence");
    Ok(sequence.context("a sequence")?.to_str()?.parse()?)
}

/// Sends a request until it is not put off.
async fn taken(request: impl Fn() -> RequestBuilder) -> anyhow::Result<Response> {
    let begun = Instant::now();
    loop {
        let reply = request().timeout(LET_GO).send().await?;
        if reply.status().is_success() {
            return Ok(reply);
        }
        let status = reply.status();
        let text = reply.text().await?;
        let late = begun.elapsed() > LET_GO;
        ensure!(status.is_server_error() && !late, "{status} {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
