//! P19: requests through a preview, against the same requests to the service directly.
//!
//! The service is Node's own HTTP server with a page of 4 KiB, as a project under development
//! would have; without Node there is nothing to measure. The rate is that of 16 connections at
//! once, the time that of one connection alone. All sides take turns.
//!
//! Whatever stands between costs something, and on two cores the load, the service and what is
//! between share them: so haproxy, in front of the same service, is a floor as well.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

mod load;
#[path = "../tests/scene/mod.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod scene;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use load::ended::Ended;
use load::haproxy::Haproxy;
use load::served::{self, Served};
use load::{Speed, load, middle, on_one_thread};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 16;
/// At least this share of the rate, and at most so many times the time.
const TARGETS: (f64, f64) = (0.6, 1.2);

const SERVICE: &str = "const page = Buffer.alloc(4096, 'x');
    const server = require('node:http').createServer((_, answer) => {
      answer.setHeader('content-type', 'text/html');
      answer.setHeader('content-length', page.length);
      answer.end(page);
    });
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));";

fn main() {
    let wanted = || {
        let mut words = std::env::args()
            .skip(1)
            .filter(|word| !word.starts_with('-'));
        words.all(|word| word == "P19")
    };
    if !served::is_done_here() && wanted() {
        on_one_thread(measure());
    }
}

async fn measure() {
    let Some((_node, port)) = service() else {
        println!("P19   SKIPPED: node is not installed");
        return;
    };
    let server = Served::start();
    let id = server.workspace.uuid().simple();
    let direct = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    let preview = format!(
        "GET / HTTP/1.1\r\nHost: {port}-{id}.preview.localhost:3001\r\n\
         Authorization: Bearer {}\r\n\r\n",
        server.token
    );
    let service = SocketAddr::from(([127, 0, 0, 1], port));
    let haproxy = Haproxy::start(&format!(
        "default_backend service\nbackend service\n  http-reuse always\n  timeout connect 10s\n  \
         timeout server 10s\n  server one {service}"
    ));
    let mut sides = vec![(service, direct.clone()), (server.address, preview)];
    if let Some(haproxy) = &haproxy {
        sides.push((haproxy.address, direct));
    }
    for (connections, of) in [(CONNECTIONS, "rate"), (1, "time")] {
        let mut rounds = vec![Vec::new(); sides.len()];
        // The first one warms both and is not counted.
        for round in 0..=ROUNDS {
            for ((address, request), speeds) in sides.iter().zip(&mut rounds) {
                let speed = load(*address, request, connections, ROUND).await;
                if round > 0 {
                    speeds.push(speed);
                }
            }
        }
        let mut speeds = rounds.into_iter().map(middle);
        let (floor, figure) = (speeds.next(), speeds.next());
        let figure = figure.expect("it was measured");
        report(of, "direct", floor.expect("it was measured"), figure);
        match speeds.next() {
            Some(proxied) => report(of, "haproxy between", proxied, figure),
            None => println!("P19   SKIPPED: haproxy is not installed, so only direct is a floor"),
        }
    }
}

fn report(of: &str, against: &str, floor: Speed, figure: Speed) {
    let slowest = format!("p99 {:.0} and {:.0} us", floor.p99, figure.p99);
    let (floor, figure, unit, target, good) = match of {
        "rate" => {
            let ratio = figure.rate / floor.rate;
            let target = format!(">= {}", TARGETS.0);
            (floor.rate, figure.rate, "/s", target, ratio >= TARGETS.0)
        }
        _ => {
            let ratio = figure.p50 / floor.p50;
            let target = format!("<= {}", TARGETS.1);
            (floor.p50, figure.p50, "us", target, ratio <= TARGETS.1)
        }
    };
    let verdict = if good { "ok" } else { "missed" };
    println!(
        "P19   floor {floor:>9.1} {unit}  figure {figure:>9.1} {unit}  ratio {:>5.2} target \
         {target:<8} {verdict} ({of}, {against}; {slowest})",
        figure / floor
    );
}

/// Node's server, which ends with this program.
fn service() -> Option<(Ended, u16)> {
    let child = Command::new("node")
        .args(["-e", SERVICE])
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Ended(child.ok()?);
    let mut line = String::new();
    let out = child.0.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("its port");
    let port = line.trim().parse().expect("a number");
    Some((child, port))
}
