//! `daemon start`, `stop` and `status`, with a stand-in for nexusd: this very test program under
//! that name, which listens on the socket until it is told to end.

use std::os::unix::net::UnixListener;

use crate::fixture::{Fixture, Ran, Reply};
use crate::sample;

/// Set for the stand-in only; then the test below is the server.
const STAND_IN: &str = "NEXUS_TEST_STAND_IN";

#[test]
fn stand_in_for_nexusd() {
    use std::io::{Read as _, Write as _};

    if std::env::var_os(STAND_IN).is_none() {
        return;
    }
    let socket =
        std::path::PathBuf::from(std::env::var_os("NEXUS_HOME").unwrap()).join("daemon.sock");
    let listener = UnixListener::bind(socket).unwrap();
    let health = sample::health(1).to_string();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut buffer = [0; 4096];
        // A look at who listens sends nothing.
        if stream.read(&mut buffer).unwrap_or(0) == 0 {
            continue;
        }
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
        let reply = format!("{head}\r\ncontent-length: {}\r\n\r\n{health}", health.len());
        let _ = stream.write_all(reply.as_bytes());
    }
}

/// A home whose nexusd is the stand-in.
fn with_stand_in() -> Fixture {
    let fixture = Fixture::without_server();
    let real = fixture.user_home().join("real");
    std::fs::create_dir(&real).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), real.join("nexusd")).unwrap();
    let script = format!(
        "echo started \"$@\"\nexec {}/nexusd --exact daemon::stand_in_for_nexusd --nocapture",
        real.display()
    );
    fixture.program("nexusd", &script);
    fixture
}

fn run(fixture: &Fixture, arguments: &[&str]) -> Ran {
    let bin = fixture.user_home().join("bin");
    let mut command = fixture.command(arguments);
    command.env(STAND_IN, "1").env("NEXUS_BIN_DIR", bin);
    command.output().unwrap().into()
}

#[test]
fn it_starts_once_and_stops_once_and_both_are_harmless_again() {
    let fixture = with_stand_in();
    let down = run(&fixture, &["daemon", "status"]);
    assert_eq!(down.code, 7, "{down:#?}");
    assert!(down.stdout.contains("does not run"));
    let start = [
        "daemon",
        "start",
        "--listen",
        "127.0.0.1:0",
        "--worker",
        "none",
    ];
    let started = run(&fixture, &start).ok();
    assert!(
        started.stderr.starts_with("nexusd is ready after "),
        "{started:#?}"
    );
    let log = std::fs::read_to_string(fixture.home().join("daemon.log")).unwrap();
    assert!(
        log.starts_with("started daemon --listen 127.0.0.1:0 --worker none\n"),
        "{log}"
    );
    let again = run(&fixture, &start).ok();
    assert!(
        again.stderr.starts_with("nexusd runs already (process "),
        "{again:#?}"
    );
    let status = run(&fixture, &["daemon", "status", "-o", "json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let pid = status["pid"].as_u64().unwrap();
    assert!(
        started.stderr.contains(&format!("(process {pid},")),
        "{started:#?}"
    );
    let stopped = run(&fixture, &["daemon", "stop"]).ok();
    assert_eq!(
        stopped.stderr,
        format!("nexusd has ended (process {pid})\n")
    );
    let stopped = run(&fixture, &["daemon", "stop"]).ok();
    assert_eq!(stopped.stderr, "nexusd does not run\n");
}

#[test]
fn one_that_dies_at_once_is_told_with_its_last_words() {
    let fixture = Fixture::without_server();
    fixture.program("nexusd", "echo 'nexusd: port 3001 is taken' >&2; exit 3");
    let ran = run(&fixture, &["daemon", "start"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.error()[1],
        "it ended with code 3: nexusd: port 3001 is taken"
    );
}

#[test]
fn one_that_never_gets_ready_is_told_after_the_time_given() {
    let fixture = Fixture::without_server();
    fixture.program("nexusd", "exec sleep 5");
    let ran = run(&fixture, &["daemon", "start", "--timeout", "200ms"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert!(
        ran.error()[1].starts_with("not ready after 200 ms"),
        "{ran:#?}"
    );
}

#[test]
fn a_stranger_behind_the_socket_is_not_stopped() {
    let fixture = Fixture::new(|_| Reply::json(&sample::health(1)));
    let ran = run(&fixture, &["daemon", "stop"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert_eq!(
        ran.error()[1],
        "the process behind the socket is not nexusd"
    );
}

#[test]
fn doctor_names_what_is_missing_and_fails() {
    let fixture = Fixture::without_server();
    let ran = run(&fixture, &["doctor", "-o", "json"]);
    assert_eq!(ran.code, 1);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let checks = report["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap();
    assert_eq!(of("daemon")["verdict"], "fail");
    assert_eq!(of("daemon")["fix"], "nexus daemon start");
    assert_eq!(of("home")["verdict"], "pass");
    for check in checks {
        let wrong = check["verdict"] != "pass";
        assert_eq!(wrong, check["fix"].is_string(), "{check}");
    }
}

#[test]
fn version_tells_both_and_needs_no_server() {
    let alone = Fixture::without_server()
        .run(&["version", "-o", "json"])
        .ok();
    let alone: serde_json::Value = serde_json::from_str(&alone.stdout).unwrap();
    assert!(alone["client"].is_string() && alone["server"].is_null());
    let other = Fixture::new(|_| {
        let mut health = sample::health(1);
        health["version"] = serde_json::json!("9.0.0");
        Reply::json(&health)
    });
    let skewed = other.run(&["version", "-o", "json"]).ok();
    assert!(skewed.stdout.contains("\"skew\": true"), "{skewed:#?}");
    assert!(skewed.stderr.contains("different releases"), "{skewed:#?}");
}
