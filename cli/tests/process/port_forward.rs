//! `nexus port …`: ports of a workspace, here.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample;
use crate::wire::{Serve, serving, shouting};

const PORT: &str = "/api/v1/workspaces/ws-00000000000000000000000000000001/ports/8000";

fn forwarding(stream: impl Fn() -> Serve + Send + Sync + 'static) -> Fixture {
    serving(move |asked: &Asked| match asked.path() {
        PORT => stream(),
        _ => Serve::Http(Reply::json(&sample::workspace("running"))),
    })
}

/// The program, and where it listens.
fn forward(fixture: &Fixture, port: &str) -> (Child, String) {
    let mut child = fixture
        .command(&["port", "forward", "hello", port])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (address, rest) = line.split_once(' ').unwrap();
    assert_eq!(rest, "is port 8000 of hello\n");
    (child, address.to_owned())
}

/// Ctrl-C; how it ended and what it said.
fn interrupt(mut child: Child) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn each_connection_is_a_stream_of_its_own_and_ctrl_c_leaves_nothing() {
    for (port, stream) in [
        ("0:8000", (|| Serve::HandOut(shouting())) as fn() -> Serve),
        ("0:web", || Serve::Bytes(shouting())),
    ] {
        let fixture = forwarding(stream);
        let (child, address) = forward(&fixture, port);
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        let mut clients: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect(&address).unwrap())
            .collect();
        for (number, client) in clients.iter_mut().enumerate() {
            write!(client, "client {number}").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
        for (number, mut client) in clients.into_iter().enumerate() {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, format!("CLIENT {number}"));
        }
        let (code, said) = interrupt(child);
        assert_eq!((code, said.as_str()), (Some(0), "Ctrl-C ends it\n"));
        assert!(
            TcpStream::connect(&address).is_err(),
            "nobody listens any more"
        );
    }
}

#[test]
fn a_refused_connection_is_reset_and_told_and_the_next_one_is_taken() {
    let fixture = forwarding(|| {
        Serve::Http(sample::problem(
            409,
            "NOT_RUNNING",
            "nobody listens",
            "look",
        ))
    });
    let (child, address) = forward(&fixture, "0:8000");
    for _ in 0..2 {
        let mut client = TcpStream::connect(&address).unwrap();
        let ended = client.read(&mut [0; 1]);
        assert!(ended.is_err(), "an empty answer is no refusal: {ended:?}");
    }
    let (_, said) = interrupt(child);
    assert!(
        said.contains("could not reach port 8000 of workspace hello"),
        "{said}"
    );
}

#[test]
fn a_port_that_is_taken_and_one_that_cannot_be_are_told() {
    let fixture = forwarding(|| Serve::HandOut(shouting()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let local = taken.local_addr().unwrap().port();
    let ran = fixture.run(&["port", "forward", "hello", &format!("{local}:8000")]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    assert_eq!(ran.error()[2], "nexus port forward hello 0:8000");
    for (bad, code) in [("0:0", 2), ("0:99999", 2), ("x:1", 2), ("nothing", 3)] {
        assert_eq!(
            fixture.run(&["port", "forward", "hello", bad]).code,
            code,
            "{bad}"
        );
    }
}

#[test]
fn ports_are_listed_and_opened_once() {
    let preview = "http://8000-00000000000000000000000000000001.preview.localhost:3001/";
    let fixture = Fixture::new(
        move |asked: &Asked| match (asked.method.as_str(), asked.path()) {
            ("GET", path) if path.ends_with("/previews") => {
                Reply::json(&json!([{"service": "web", "port": 8000, "url": preview}]))
            }
            ("POST", path) if path.ends_with("/previews") => Reply::json(&json!({
                "url": preview, "enter_url": format!("{preview}#ticket\u{1b}[2J"),
                "expires_at": "2026-11-21T04:00:30Z"
            })),
            _ => Reply::json(&sample::workspace("running")),
        },
    );
    let listed = fixture.run(&["port", "list", "hello"]).ok();
    let row = format!("8000  web      23000      {preview}\n");
    assert!(listed.stdout.ends_with(&row), "{listed:#?}");
    let opened = fixture.run(&["port", "open", "hello", "web"]).ok();
    assert_eq!(opened.stdout, format!("{preview}#ticket\n"));
    let asked = fixture.asked();
    assert_eq!(asked.last().unwrap().body, json!({"port": 8000}));
}
