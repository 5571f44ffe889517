//! `nexus workspace terminal`: bytes both ways, breaks without a gap, the terminal given back.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample;
use crate::wire::{Serve, Socket, serving};

const TERMINAL: &str = "/api/v1/workspaces/ws-00000000000000000000000000000001/terminal";

/// A server whose terminals are spoken by `speak`, which is told the query.
fn speaking(speak: impl Fn(String, Socket) + Send + Sync + 'static) -> Fixture {
    let speak = Arc::new(speak);
    serving(move |asked: &Asked| match asked.path() {
        TERMINAL => {
            let (speak, target) = (speak.clone(), asked.target.clone());
            Serve::Socket(Box::new(move |socket| speak(target, socket)))
        }
        path if path.ends_with("/terminals") => Serve::Http(Reply::json(&json!({"sessions": [{
            "id": "s1", "argv": ["bash", "-l"], "started_at": "2026-11-21T04:00:00Z", "viewers": 1,
            "cols": 80, "rows": 24, "first_offset": 0, "end_offset": 7
        }]}))),
        path if path.contains("/terminals/") => Serve::Http(Reply::text(204, "text/plain", "")),
        _ => Serve::Http(Reply::json(&sample::workspace("running"))),
    })
}

fn tell(socket: &mut Socket, told: &Value) {
    socket.send(Message::text(told.to_string())).unwrap();
}

fn attach(socket: &mut Socket, from: u64) {
    tell(
        socket,
        &json!({"type": "attached", "session": "s1", "created": from == 0,
        "from": from, "end": from, "read_only": false}),
    );
}

fn end(socket: &mut Socket, code: i32) {
    tell(socket, &json!({"type": "ended", "exit": {"code": code}}));
    close(socket, 1000, "it ended");
}

fn close(socket: &mut Socket, code: u16, reason: &str) {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.to_owned().into(),
    };
    let _ = socket.close(Some(frame));
    while socket.read().is_ok() {}
}

/// The next frame that is no heartbeat: input as it is, asks as JSON.
fn heard(socket: &mut Socket) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Binary(bytes) => return json!(String::from_utf8_lossy(&bytes)),
            Message::Text(text) => {
                let ask: Value = serde_json::from_str(text.as_str()).unwrap();
                if ask["type"] != "ping" {
                    return ask;
                }
            }
            _ => {}
        }
    }
}

#[test]
fn what_a_file_says_is_typed_and_the_programs_code_is_ours() {
    let fixture = speaking(|target, mut socket| {
        assert!(
            target.contains("session=main") && target.contains("cols=80&rows=24"),
            "{target}"
        );
        attach(&mut socket, 0);
        let mut typed = String::new();
        while !typed.ends_with('\u{4}') {
            if let Value::String(input) = heard(&mut socket) {
                typed.push_str(&input);
            }
        }
        socket
            .send(Message::binary(
                format!("\u{1b}[1mgot {typed:?}\n").into_bytes(),
            ))
            .unwrap();
        end(&mut socket, 3);
    });
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), "ls\n\u{1d}d").unwrap();
    let mut command = fixture.command(&["workspace", "terminal", "hello", "--session", "main"]);
    let ran: Ran = command
        .stdin(input.reopen().unwrap())
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert_eq!(
        ran.stdout, "\u{1b}[1mgot \"ls\\n\\u{1d}d\\u{4}\"\n",
        "sequences pass"
    );
}

#[test]
fn a_hundred_breaks_lose_nothing_and_double_nothing() {
    const PIECES: u64 = 100;
    const LENGTH: u64 = 1000;
    let byte = |offset: u64| b'a' + (offset % 23) as u8;
    let fixture = speaking(move |target, mut socket| {
        let after = target.split_once("after=").map_or(0, |(_, rest)| {
            rest.split('&').next().unwrap().parse::<u64>().unwrap()
        });
        assert!(after == 0 || target.contains("session=s1"), "{target}");
        attach(&mut socket, after);
        if after == PIECES * LENGTH {
            return end(&mut socket, 0);
        }
        let bytes: Vec<u8> = (after..after + LENGTH).map(byte).collect();
        socket.send(Message::binary(bytes)).unwrap();
        // In turn a word and a break without one.
        if (after / LENGTH).is_multiple_of(2) {
            close(&mut socket, 1001, "restarting\u{1b}[2J");
        }
    });
    let ran = fixture
        .run(&["workspace", "terminal", "hello", "--read-only"])
        .ok();
    let expected: Vec<u8> = (0..PIECES * LENGTH).map(byte).collect();
    assert!(
        ran.stdout.as_bytes() == expected,
        "{} bytes",
        ran.stdout.len()
    );
    assert!(ran.stderr.contains("restarting; connecting again") && !ran.stderr.contains('\u{1b}'));
}

#[test]
fn what_was_shown_is_acknowledged() {
    let fixture = speaking(|_, mut socket| {
        attach(&mut socket, 10);
        socket.send(Message::binary(vec![b'x'; 5])).unwrap();
        let mut acknowledged = 0;
        while acknowledged < 15 {
            if let Some(offset) = heard(&mut socket)["offset"].as_u64() {
                assert!(offset >= acknowledged);
                acknowledged = offset;
            }
        }
        end(&mut socket, 0);
    });
    fixture
        .run(&["workspace", "terminal", "hello", "--read-only"])
        .ok();
}

#[test]
fn every_end_has_its_code_and_its_next_command() {
    for (code, exit, next) in [
        (1008, 4, "nexus workspace status hello"),
        (4001, 6, "nexus workspace start hello"),
        (4002, 3, "nexus workspace terminal hello --list"),
        (4004, 3, "nexus workspace terminal hello --list"),
    ] {
        let fixture = speaking(move |_, mut socket| {
            attach(&mut socket, 0);
            close(&mut socket, code, "so it is");
        });
        let ran = fixture.run(&["workspace", "terminal", "hello", "--read-only"]);
        assert_eq!(ran.code, exit, "{ran:#?}");
        let [_, why, told] = ran.error();
        assert_eq!((why, told), ("so it is", next));
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let fixture = speaking(|_, _| {});
    let listed = fixture
        .run(&["workspace", "terminal", "hello", "--list"])
        .ok()
        .stdout;
    assert!(listed.contains("s1       bash -l  "), "{listed}");
    fixture
        .run(&["workspace", "terminal", "hello", "--close", "s1"])
        .ok();
    let path = TERMINAL.to_owned() + "s/s1";
    fixture.asked_for("DELETE", &path);
    for flag in ["--close", "--session"] {
        let ran = fixture.run(&["workspace", "terminal", "hello", flag, "../x"]);
        assert_eq!(ran.code, 2, "{ran:#?}");
    }
}

/// The program on a terminal of its own.
struct OnTerminal {
    child: Child,
    keyboard: std::fs::File,
    side: std::fs::File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    fn new(fixture: &Fixture, arguments: &[&str]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let path = ptsname(&controller, Vec::new())
            .unwrap()
            .into_string()
            .unwrap();
        let side = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        tcsetwinsize(&side, window(100, 40)).unwrap();
        let child = fixture
            .command(arguments)
            .stdin(Stdio::from(side.try_clone().unwrap()))
            .stdout(Stdio::from(side.try_clone().unwrap()))
            .stderr(Stdio::from(side.try_clone().unwrap()))
            .spawn()
            .unwrap();
        let keyboard = std::fs::File::from(controller);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut screen, seen) = (keyboard.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                seen.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            child,
            keyboard,
            side,
            shown,
        }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.side)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON)
    }

    /// Waits until the screen holds `text`.
    fn sees(&self, text: &str) {
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let shown = String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned();
            if shown.contains(text) {
                return;
            }
            assert!(
                std::time::Instant::now() < patience,
                "{text:?} in {shown:?}"
            );
            std::thread::yield_now();
        }
    }
}

fn window(cols: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: cols,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

#[test]
fn a_terminal_is_raw_while_it_lasts_resized_and_given_back_when_left() {
    let fixture = speaking(|target, mut socket| {
        assert!(target.contains("cols=100&rows=40"), "{target}");
        attach(&mut socket, 0);
        socket.send(Message::binary(b"prompt> ".to_vec())).unwrap();
        loop {
            match heard(&mut socket) {
                Value::String(input) => {
                    socket
                        .send(Message::binary(format!("<{input}>").into_bytes()))
                        .unwrap();
                }
                ask if ask["type"] == "resize" => {
                    let size = format!("{}x{}", ask["cols"], ask["rows"]);
                    socket.send(Message::binary(size.into_bytes())).unwrap();
                    break;
                }
                _ => {}
            }
        }
        while socket.read().is_ok() {}
    });
    let mut terminal = OnTerminal::new(
        &fixture,
        &["workspace", "terminal", "hello", "--session", "new"],
    );
    assert!(!terminal.is_raw());
    terminal.sees("Ctrl-] d leaves");
    terminal.sees("prompt> ");
    assert!(terminal.is_raw());
    // Ctrl-C is for the program inside.
    terminal.keyboard.write_all(b"\x03").unwrap();
    terminal.sees("<\u{3}>");
    tcsetwinsize(&terminal.side, window(120, 50)).unwrap();
    let pid = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(pid, rustix::process::Signal::WINCH).unwrap();
    terminal.sees("120x50");
    terminal.keyboard.write_all(b"\x1dd").unwrap();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    terminal.sees("it goes on: nexus workspace terminal hello --session s1");
    assert!(!terminal.is_raw());
}
