//! P11: how fast the status of a workspace is told to 16 connections, against a static answer of
//! the same length by haproxy.
//!
//! Without haproxy there is no floor.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

mod load;
#[path = "../tests/scene/mod.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod scene;

use std::time::Duration;

use load::haproxy::Haproxy;
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
    let text = "x".repeat(ANSWER);
    let answer =
        format!("http-request return status 200 content-type application/json string {text}");
    let Some(haproxy) = Haproxy::start(&answer) else {
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
    let sides = [(haproxy.address, bare), (server.address, status)];
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
