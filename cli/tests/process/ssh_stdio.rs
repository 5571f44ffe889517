//! `nexus ssh --stdio`: what any SSH program can speak over.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample::{self, WORKSPACE};
use crate::wire::{Serve, serving, serving_over_tcp, shouting};

const SSH: &str = "/api/v1/workspaces/ws-00000000000000000000000000000001/ssh";

/// A server of a running workspace whose SSH is `stream`.
fn answer(asked: &Asked, stream: impl FnOnce() -> Serve) -> Serve {
    match asked.path() {
        SSH => stream(),
        "/api/v1/ssh/certificates" => Serve::Http(sample::not_found()),
        _ => Serve::Http(Reply::json(&sample::workspace("running"))),
    }
}

/// Runs it with `input`; what it said and how it ended.
fn stdio(fixture: &Fixture, arguments: &[&str], input: &str) -> Ran {
    let mut child = fixture
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended already, refusing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn bytes_pass_whoever_moves_them_and_the_end_is_passed_on() {
    for fixture in [
        serving(|asked| answer(asked, || Serve::HandOut(shouting()))),
        serving(|asked| answer(asked, || Serve::Bytes(shouting()))),
    ] {
        for name in ["hello", "hello.nexus", WORKSPACE] {
            let ran = stdio(&fixture, &["-q", "ssh", "--stdio", name], "said").ok();
            assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("SAID", ""));
        }
        let asked = fixture.asked_for("GET", SSH);
        assert_eq!(asked.header("upgrade"), Some("nexus.stream.v1"));
        assert_eq!(asked.header("x-nexus-descriptor"), Some("yes"));
    }
}

#[test]
fn over_tcp_the_token_goes_in_a_header_and_nowhere_else() {
    let (fixture, address) = serving_over_tcp(|asked| answer(asked, || Serve::Bytes(shouting())));
    let mut command = fixture.command(&[
        "-q",
        "--server",
        &address,
        "workspace",
        "ssh",
        "--stdio",
        "hello",
    ]);
    command.env("NEXUS_TOKEN", "secret");
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), "said").unwrap();
    command.stdin(input.reopen().unwrap());
    let ran = Ran::from(command.output().unwrap()).ok();
    assert_eq!(ran.stdout, "SAID");
    let asked = fixture.asked_for("GET", SSH);
    assert_eq!(asked.header("authorization"), Some("Bearer secret"));
    assert_eq!(asked.header("x-nexus-descriptor"), None);
    assert!(!asked.target.contains("secret"));
}

#[test]
fn what_was_handed_out_outlives_the_server() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = Mutex::new(Some(near));
    let fixture = serving(move |asked| {
        answer(asked, || {
            Serve::HandOut(near.lock().unwrap().take().unwrap())
        })
    });
    let mut child = fixture
        .command(&["-q", "ssh", "--stdio", "hello"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    far.write_all(b"one").unwrap();
    let mut said = [0; 3];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut said).unwrap();
    // Nobody is connected to the server any more, and nobody can be.
    std::fs::remove_file(fixture.home().join("daemon.sock")).unwrap();
    child.stdin.as_ref().unwrap().write_all(b"two").unwrap();
    far.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"two");
    drop(far);
    assert!(child.wait().unwrap().success(), "the other side has ended");
}

#[test]
fn when_nobody_reads_it_ends_quietly() {
    let fixture = serving(|asked| {
        answer(asked, || {
            let (near, mut far) = UnixStream::pair().unwrap();
            std::thread::spawn(move || while far.write_all(&[b'x'; 4096]).is_ok() {});
            Serve::HandOut(near)
        })
    });
    let mut child = fixture
        .command(&["-q", "ssh", "--stdio", "hello"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_stopped_workspace_is_started_and_nothing_of_that_gets_into_the_stream() {
    let started = AtomicBool::new(false);
    let fixture = serving(move |asked| {
        let phase = if started.load(Ordering::SeqCst) {
            "running"
        } else {
            "stopped"
        };
        match (asked.method.as_str(), asked.path()) {
            ("POST", path) if path.ends_with("/start") => {
                started.store(true, Ordering::SeqCst);
                Serve::Http(Reply::json(&sample::accepted()).with_status(202))
            }
            ("GET", path) if path.starts_with("/api/v1/operations/") => {
                Serve::Http(Reply::json(&sample::operation("succeeded")))
            }
            ("GET", SSH) => Serve::HandOut(shouting()),
            ("POST", _) => Serve::Http(sample::not_found()),
            _ => Serve::Http(Reply::json(&sample::workspace(phase))),
        }
    });
    let ran = stdio(&fixture, &["ssh", "--stdio", "hello"], "x").ok();
    assert_eq!(ran.stdout, "X");
    assert!(
        ran.stderr
            .contains("workspace hello is stopped: starting it"),
        "{ran:#?}"
    );
}

#[test]
fn a_refusal_is_told_and_is_no_connection() {
    let fixture = serving(|asked| {
        answer(asked, || {
            let hint = "nexus workspace start hello\u{1b}[2J";
            Serve::Http(sample::problem(409, "NOT_RUNNING", "it does not run", hint))
        })
    });
    let ran = stdio(&fixture, &["-q", "ssh", "--stdio", "hello"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (6, ""));
    let [what, why, next] = ran.error();
    assert_eq!(what, "reach the SSH of workspace hello");
    assert!(why.starts_with("it does not run"));
    assert_eq!(next, "nexus workspace start hello");
}

#[test]
fn names_that_cannot_be_are_refused_before_anything_is_asked() {
    let fixture = serving(|asked| answer(asked, || Serve::HandOut(shouting())));
    for bad in ["a b", "a;id", "../x", "a'b.nexus", "A", "a.example.com"] {
        let ran = fixture.run(&["ssh", "--stdio", bad]);
        assert_eq!(ran.code, 2, "{ran:#?}");
        assert_eq!(ran.error()[2], "nexus workspace list");
    }
    assert!(fixture.asked().is_empty(), "{:#?}", fixture.asked());
}
