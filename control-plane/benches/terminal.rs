//! P13, P14 and P15: terminals through the gateway (keystroke echo, bulk output, Ctrl-C under a
//! flood), directly and relayed, against the engine's own exec API on the same machine.
//!
//! Both sides take turns, so both see the same machine. The engine's side runs in a container of
//! `nexus/base`; ours runs beside it under a bare nexus-init. Without an engine the floor is left
//! out and said so. What is relayed crosses NATS, so its keystrokes stand beside a second floor as
//! well: the engine's and a round trip of bare messages over the same server.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]
#![expect(
    dead_code,
    reason = "the scene of the tests does more than is measured"
)]

#[path = "terminal/engine.rs"]
mod engine;
#[path = "../tests/scene/mod.rs"]
mod scene;
#[path = "../tests/gateway/viewer.rs"]
mod viewer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use nexus_events::id::WorkspaceId;
use nexus_nats::link::{Doors, LinkListen, LinkOptions, Links, Way, serve};
use nexus_nats::testing::{Messages, TestServer};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use engine::Engine;
use scene::{Init, Scene, node};
use viewer::{Frame, Viewer};

/// Keystrokes on each side, and those before that fill caches.
const KEYS: (usize, usize) = (1000, 50);
/// Bytes of bulk output, and how often.
const BULK: usize = 64 << 20;
const ROUNDS: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |id: &str| asked.is_empty() || asked.iter().any(|word| word == id);
    if !["P13", "P14", "P15"].into_iter().any(wanted) {
        return;
    }
    let mut engine = match Engine::start().await {
        Ok(engine) => Some(engine),
        Err(error) => {
            println!("P13, P14: no floor, since no engine answers: {error}");
            None
        }
    };
    let direct = Scene::start().await;
    let mut relay = Relay::start().await;
    for (way, scene, messages) in [
        ("direct", &direct, None),
        ("relay", &relay.scene, Some(&mut relay.messages)),
    ] {
        if wanted("P13") {
            echo(way, scene, engine.as_mut(), messages).await;
        }
        if wanted("P14") {
            bulk(way, scene, engine.as_mut()).await;
        }
        if wanted("P15") {
            interrupt(way, scene).await;
        }
    }
    relay.stop.cancel();
    if let Some(engine) = engine {
        engine.stop().await;
    }
}

/// A workspace that is reached over NATS alone.
struct Relay {
    scene: Scene,
    messages: Messages,
    stop: CancellationToken,
    _server: TestServer,
}

struct OneDoor(PathBuf);

impl Doors for OneDoor {
    fn open(&self, _: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>> {
        Box::pin(UnixStream::connect(&self.0))
    }
}

impl Relay {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let (plane, worker) = (server.bus().await, server.worker_bus().await);
        let far = server.worker_bus().await;
        let messages = Messages::between(&server.bus().await, &far, node()).await;
        let (init, stop) = (Init::start().await, CancellationToken::new());
        let doors = Arc::new(OneDoor(init.socket()));
        tokio::spawn(serve(
            worker,
            node(),
            doors,
            LinkListen::nowhere(),
            stop.clone(),
        ));
        let links = Arc::new(Links::on(&plane, LinkOptions::only(Way::Relay)));
        Self {
            scene: Scene::over(init, links).await,
            messages,
            stop,
            _server: server,
        }
    }
}

/// A terminal in which nothing but `cat` runs.
async fn attached(scene: &Scene, command: &str) -> Viewer {
    let (mut viewer, _) = Viewer::attached(scene, "").await;
    viewer
        .type_in(&format!("stty -echo; PS1=; echo rea''dy; {command}\n"))
        .await;
    viewer.until("ready\r\n").await;
    viewer
}

async fn echo(
    way: &str,
    scene: &Scene,
    mut engine: Option<&mut Engine>,
    mut messages: Option<&mut Messages>,
) {
    let mut viewer = attached(scene, "stty echo; cat").await;
    let mut floor = match engine.as_mut() {
        Some(engine) => Some(engine.exec(&["cat"]).await.expect("an exec")),
        None => None,
    };
    let (mut ours, mut theirs, mut bare_messages) = (Vec::new(), Vec::new(), Vec::new());
    for key in 0..KEYS.0 + KEYS.1 {
        let began = Instant::now();
        viewer.type_in("k").await;
        viewer.until("k").await;
        let took = began.elapsed();
        let bare = match floor.as_mut() {
            Some(floor) => Some(floor.echo(b'k').await.expect("an echo")),
            None => None,
        };
        let crossed = match messages.as_mut() {
            Some(messages) => {
                let began = Instant::now();
                messages.round_trip().await;
                Some(began.elapsed())
            }
            None => None,
        };
        if key >= KEYS.1 {
            ours.push(took);
            theirs.extend(bare);
            bare_messages.extend(crossed);
        }
    }
    for (name, share, most) in [("p50", 0.50, 1.2), ("p99", 0.99, 1.2)] {
        let figure = at(&mut ours, share);
        let floor = (!theirs.is_empty()).then(|| at(&mut theirs, share));
        row(&format!("P13 {way} {name}"), floor, figure, most);
        if let (Some(floor), false) = (floor, bare_messages.is_empty()) {
            let crossed = at(&mut bare_messages, share);
            let name = format!("P13 {way} {name}, floor with a NATS round trip");
            row(&name, Some(floor + crossed), figure, most);
        }
    }
}

async fn bulk(way: &str, scene: &Scene, mut engine: Option<&mut Engine>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(bulk_of_ours(scene).await);
        if let Some(engine) = engine.as_mut() {
            theirs.push(bulk_of_theirs(engine).await);
        }
    }
    let floor = (!theirs.is_empty()).then(|| at(&mut theirs, 0.5));
    let name = format!("P14 {way} 64 MiB");
    row(&name, floor, at(&mut ours, 0.5), 1.0 / 0.95);
}

async fn bulk_of_ours(scene: &Scene) -> Duration {
    let mut viewer = attached(scene, "read go; stty raw").await;
    let script = format!("head -c {BULK} /dev/zero | tr '\\0' x\n");
    viewer.type_in("\n").await;
    let began = Instant::now();
    viewer.type_in(&script).await;
    let mut count = 0;
    while count < BULK {
        if let Frame::Bytes(bytes) = viewer.next().await {
            count += bytes.iter().filter(|byte| **byte == b'x').count();
            viewer.ack().await;
        }
    }
    began.elapsed()
}

async fn bulk_of_theirs(engine: &mut Engine) -> Duration {
    let program = format!("stty raw; head -c {BULK} /dev/zero | tr '\\0' x");
    let began = Instant::now();
    let mut exec = engine.exec(&["sh", "-c", &program]).await.expect("an exec");
    exec.count(b'x', BULK).await.expect("all of it");
    began.elapsed()
}

async fn interrupt(way: &str, scene: &Scene) {
    let mut viewer = attached(scene, "PS1='pro''mpt> '; yes").await;
    viewer.ack().await;
    let (began, before, mut read) = (Instant::now(), memory(), 0_u64);
    let (mut asked, mut tail) = (None, Vec::new());
    loop {
        let Frame::Bytes(bytes) = viewer.next().await else {
            continue;
        };
        read += bytes.len() as u64;
        tail.extend_from_slice(&bytes);
        tail.drain(..tail.len().saturating_sub(64));
        tokio::time::sleep_until((began + Duration::from_micros(read)).into()).await;
        viewer.ack().await;
        match asked {
            None if read > 3_000_000 => {
                viewer.type_in("\x03").await;
                asked = Some(Instant::now());
            }
            Some(at) if String::from_utf8_lossy(&tail).ends_with("prompt> ") => {
                let (took, grown) = (at.elapsed(), memory().saturating_sub(before));
                let verdict = match took <= Duration::from_millis(300) && grown <= 4096 {
                    true => "ok",
                    false => "missed",
                };
                println!(
                    "P15 {way}: Ctrl-C answered after {:.0} ms (limit 300), memory + {grown} KiB \
                     (limit 4096) {verdict}",
                    took.as_secs_f64() * 1e3
                );
                return;
            }
            _ => {}
        }
    }
}

fn at(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among a thousand"
    )]
    let place = (last as f64 * share) as usize;
    times[place]
}

/// Memory of this process, server and client, in KiB.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn row(name: &str, floor: Option<Duration>, figure: Duration, most: f64) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let figure = milliseconds(figure);
    match floor.map(milliseconds) {
        Some(floor) => {
            let ratio = figure / floor;
            let verdict = if ratio <= most { "ok" } else { "missed" };
            println!(
                "{name:<16} floor {floor:>9.3} ms  figure {figure:>9.3} ms  ratio {ratio:>5.2}  \
                 target <= {most:.2} {verdict}"
            );
        }
        None => println!("{name:<16} figure {figure:>9.3} ms  (no floor)"),
    }
}
