//! P12: how long `nexus workspace status` takes, as a multiple of `true`.
//!
//! The server is a canned answer on a unix socket, so the figure is the command line's own time:
//! start, two requests, the page. Rounds of both programs alternate, so whatever else the machine
//! does falls on both; the median of each is compared.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 200;
const TARGET: f64 = 4.0;

fn main() -> ExitCode {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if wanted.is_some_and(|row| row != "P12") {
        return ExitCode::SUCCESS;
    }
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    serve(&home.path().join("daemon.sock"));
    let mut status = Command::new(env!("CARGO_BIN_EXE_nexus"));
    status
        .args(["workspace", "status", "hello"])
        .env("NEXUS_HOME", home.path())
        .env_remove("NEXUS_SERVER");
    let mut floor = Command::new("true");
    let (mut floors, mut figures) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 10 {
        let (a, b) = (timed(&mut floor), timed(&mut status));
        // The first rounds fill the caches.
        if round >= 10 {
            floors.push(a);
            figures.push(b);
        }
    }
    let (floor, figure) = (median(floors), median(figures));
    let ratio = figure.as_secs_f64() / floor.as_secs_f64();
    let verdict = if ratio <= TARGET { "ok" } else { "missed" };
    let mut out = std::io::stdout();
    let written = writeln!(
        out,
        "P12  floor {:.2} ms  figure {:.2} ms  ratio {ratio:.2}  target {TARGET}  {verdict}",
        floor.as_secs_f64() * 1e3,
        figure.as_secs_f64() * 1e3,
    );
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("the program can be started");
    let took = started.elapsed();
    assert!(status.success(), "the command failed: {status}");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

const WORKSPACE: &str = r#"{"id":"ws-00000000000000000000000000000001","name":"hello",
"owner":"user-00000000000000000000000000000002","phase":"running","status":"running","unknown":false,
"partial":false,"provider":"process","services":{},"activity":{},"created_at":"2026-11-21T04:00:00Z",
"updated_at":"2026-11-21T04:00:05Z","version":12,"sequence":40}"#;

const OPERATIONS: &str = r#"{"sequence":40,"items":[{"id":"op-00000000000000000000000000000003",
"workspace":"ws-00000000000000000000000000000001","workspace_name":"hello","kind":"create",
"state":"succeeded","reason":"person","epoch":1,"requested_at":"2026-11-21T04:00:00Z",
"deadline":"2026-11-21T04:30:00Z","ended_at":"2026-11-21T04:00:05Z","duration_ms":5000,"sequence":40,
"steps":[{"step":"machine","state":"succeeded","started_at":"2026-11-21T04:00:01Z","duration_ms":900}]}]}"#;

fn serve(path: &Path) {
    let listener = UnixListener::bind(path).expect("a socket can be bound in a new folder");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer(connection));
        }
    });
}

/// Answers requests until the client hangs up; an error is the same as that.
fn answer(mut connection: UnixStream) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        let body = match first.contains("/operations") {
            true => OPERATIONS,
            false => WORKSPACE,
        };
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        connection
            .write_all(format!("{head} {length}\r\n\r\n{body}").as_bytes())
            .ok()?;
    }
}
