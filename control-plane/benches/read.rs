//! P11: how fast the status of a workspace is told to 16 connections, against a static answer of
//! the same length by haproxy.
//!
//! haproxy is looked for on the PATH, or where `NEXUS_HAPROXY` says; without it there is no floor.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

mod load;
#[path = "../tests/scene/mod.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod scene;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use load::served::{self, Served};
use load::{load, middle, on_one_thread};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 16;
/// At least this share of the rate, and at most so many times the p99.
const TARGETS: (f64, f64) = (0.5, 2.0);
/// About what a status is, in bytes.
const ANSWER: usize = 200;

fn main() {
    let wanted = || {
        let mut words = std::env::args()
            .skip(1)
            .filter(|word| !word.starts_with('-'));
        words.all(|word| word == "P11")
    };
    if !served::is_done_here() && wanted() {
        on_one_thread(measure());
    }
}

async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_haproxy, floor_at)) = haproxy(folder.path()) else {
        println!("P11   SKIPPED: haproxy is not installed");
        return;
    };
    let server = Served::start();
    let bare = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    let status = format!(
        "GET /api/v1/workspaces/{}/status HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Bearer {}\r\n\r\n",
        server.workspace, server.token
    );
    let sides = [(floor_at, bare), (server.address, status)];
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for ((address, request), speeds) in sides.iter().zip(&mut rounds) {
            let speed = load(*address, request, CONNECTIONS, ROUND).await;
            if round > 0 {
                speeds.push(speed);
            }
        }
    }
    let [floor, figure] = rounds.map(middle);
    let rate = figure.rate / floor.rate;
    let p99 = figure.p99 / floor.p99;
    let verdict = |good| if good { "ok" } else { "missed" };
    println!(
        "P11   floor {:>9.1} /s  figure {:>9.1} /s  ratio {rate:>5.2} target >= {:<5} {} (rate)",
        floor.rate,
        figure.rate,
        TARGETS.0,
        verdict(rate >= TARGETS.0)
    );
    println!(
        "P11   floor {:>9.1} us  figure {:>9.1} us  ratio {p99:>5.2} target <= {:<5} {} (p99; p50 {:.0} and {:.0} us)",
        floor.p99,
        figure.p99,
        TARGETS.1,
        verdict(p99 <= TARGETS.1),
        floor.p50,
        figure.p50,
    );
}

/// haproxy with one static answer, on two threads as the server under test.
fn haproxy(folder: &Path) -> Option<(Ended, SocketAddr)> {
    let program = std::env::var_os("NEXUS_HAPROXY").unwrap_or_else(|| "haproxy".into());
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address");
    drop(free);
    let configuration = format!(
        "global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 10s\n  timeout http-keep-alive 10s\n\
         frontend static\n  bind {address}\n  http-request return status 200 content-type \
         application/json string {}\n",
        "x".repeat(ANSWER)
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, configuration).expect("it is written");
    let child = Command::new(program)
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn();
    let child = Ended(child.ok()?);
    let ends = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < ends, "haproxy does not listen");
        std::thread::yield_now();
    }
    Some((child, address))
}

/// A process that ends when this is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}
