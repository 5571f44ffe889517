//! Terminals watched by several: only looking, far away, cut off again and again, recorded.

use std::time::Duration;

use nexus_init_protocol::client::{TerminalEvent, TerminalStream};
use nexus_init_protocol::terminal::CREDIT_BYTES;
use nexus_init_protocol::{ExitOutcome, SessionId, TerminalSize, TerminalSpec};

use crate::harness::{Init, in_time};

fn session(line: &str) -> TerminalSpec {
    TerminalSpec {
        session: Some(SessionId::new("s").unwrap()),
        argv: ["/bin/sh", "-c", line].map(str::to_owned).into(),
        env: [("PS1".to_owned(), "$ ".to_owned())].into(),
        ..TerminalSpec::default()
    }
}

async fn read_until(stream: &mut TerminalStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match in_time(stream.next()).await.unwrap() {
            TerminalEvent::Output { bytes, .. } => seen.extend_from_slice(&bytes),
            TerminalEvent::Ended(outcome) => panic!("ended {outcome} before {wanted:?}"),
        }
        let text = String::from_utf8_lossy(&seen);
        if text.contains(wanted) {
            return text.into_owned();
        }
    }
}

async fn end_of(stream: &mut TerminalStream) -> ExitOutcome {
    loop {
        if let TerminalEvent::Ended(outcome) = in_time(stream.next()).await.unwrap() {
            return outcome;
        }
    }
}

#[tokio::test]
async fn one_who_only_watches_cannot_type_resize_or_make_a_session() {
    let init = Init::start().await;
    let watching = TerminalSpec {
        read_only: true,
        size: TerminalSize {
            columns: 10,
            rows: 5,
        },
        ..session("exec sh")
    };
    let missing = init.client.terminal(&watching).await.unwrap_err();
    assert!(missing.failure().is_some(), "there is nothing to watch yet");
    let mut typing = init.client.terminal(&session("exec sh")).await.unwrap();
    let mut watching = init.client.terminal(&watching).await.unwrap();
    let input = watching.input();
    input.write(b"echo from-the-watcher\n").await.unwrap();
    let small = TerminalSize {
        columns: 3,
        rows: 3,
    };
    input.resize(small).await.unwrap();
    let line = b"stty size; echo by-$((1+1))\n";
    typing.input().write(line).await.unwrap();
    for viewer in [&mut typing, &mut watching] {
        let text = read_until(viewer, "by-2").await;
        assert!(text.contains("24 80"), "{text:?}");
        assert!(!text.contains("watcher"), "{text:?}");
    }
    let state = init.client.status().await.unwrap().sessions.remove(0);
    assert_eq!((state.viewers, state.recording), (2, false));
}

#[tokio::test]
async fn a_flood_waits_for_a_viewer_that_says_what_it_took_and_stops_at_once() {
    let init = Init::start().await;
    let spec = session("exec sh");
    let mut viewer = init.client.terminal(&spec).await.unwrap();
    read_until(&mut viewer, "$ ").await;
    let start = init.client.status().await.unwrap().sessions[0].end_offset;
    viewer.input().taken(start).await.unwrap();
    viewer.input().write(b"yes\n").await.unwrap();
    // It is sent the credit and not a byte more.
    let mut got = start;
    while got < start + CREDIT_BYTES {
        let TerminalEvent::Output { offset, bytes } = in_time(viewer.next()).await.unwrap() else {
            panic!("it goes on");
        };
        assert_eq!(offset, got);
        got += bytes.len() as u64;
    }
    assert_eq!(got, start + CREDIT_BYTES);
    viewer.input().write(b"\x03").await.unwrap();
    viewer
        .input()
        .write(b"echo after-$((2+2))\n")
        .await
        .unwrap();
    // Bounded: what was shown before is all that stands between the interrupt and its answer.
    let mut seen = Vec::new();
    in_time(async {
        loop {
            viewer.input().taken(got).await.unwrap();
            if let TerminalEvent::Output { bytes, .. } = viewer.next().await.unwrap() {
                got += bytes.len() as u64;
                seen.extend_from_slice(&bytes);
            }
            if String::from_utf8_lossy(&seen).contains("after-4") {
                return;
            }
        }
    })
    .await;
    assert!(seen.len() < 1 << 20, "{} bytes", seen.len());
}

#[tokio::test]
async fn a_paste_into_a_program_that_waits_to_be_read_does_not_lock_up() {
    let init = Init::start().await;
    let spec = session("stty raw -echo; echo up; exec cat");
    let mut viewer = init.client.terminal(&spec).await.unwrap();
    read_until(&mut viewer, "up").await;
    viewer.input().taken(0).await.unwrap();
    let paste: Vec<u8> = (0..600_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let (mut input, mut events) = viewer.split();
    // What was taken is never told: on one connection it would stand behind the paste.
    let typing = input.write(&paste);
    let reading = async {
        let mut seen: Vec<u8> = Vec::new();
        // The end of it is owed until the viewer says what it took.
        while seen.len() + (CREDIT_BYTES as usize) < paste.len() {
            if let TerminalEvent::Output { bytes, .. } = events.next().await.unwrap() {
                seen.extend(bytes.iter().filter(|byte| byte.is_ascii_lowercase()));
            }
        }
        seen
    };
    let (typed, seen) = in_time(async { tokio::join!(typing, reading) }).await;
    typed.unwrap();
    assert!(paste.starts_with(&seen));
}

/// A generator of cut points that is the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

#[tokio::test]
async fn a_thousand_cut_connections_lose_and_double_nothing() {
    let init = Init::start().await;
    let mut spec = session("stty -opost; seq 1 150000; echo the-end; exec cat");
    let expected: String = (1..=150_000).map(|n| format!("{n}\n")).collect();
    let expected = (expected + "the-end\n").into_bytes();
    let mut cuts = Seeded(42);
    let mut seen: Vec<u8> = Vec::new();
    for cut in 0..1000 {
        let viewer = in_time(init.client.terminal(&spec)).await.unwrap();
        assert_eq!(viewer.from(), seen.len() as u64, "cut {cut}: no gap");
        let (mut input, mut events) = viewer.split();
        input.taken(seen.len() as u64).await.unwrap();
        let share = expected.len() / 1000;
        let mut wanted = usize::try_from(cuts.below(2 * share as u64)).unwrap();
        while wanted > 0 && seen.len() < expected.len() {
            let event = in_time(events.next()).await.unwrap();
            let TerminalEvent::Output { offset, bytes } = event else {
                panic!("it goes on");
            };
            assert_eq!(offset, seen.len() as u64, "cut {cut}");
            let taken = bytes.len().min(wanted);
            seen.extend_from_slice(&bytes[..taken]);
            wanted -= taken;
            input.taken(seen.len() as u64).await.unwrap();
        }
        spec.after = Some(seen.len() as u64);
    }
    let mut last = init.client.terminal(&spec).await.unwrap();
    while seen.len() < expected.len() {
        if let TerminalEvent::Output { bytes, .. } = in_time(last.next()).await.unwrap() {
            seen.extend_from_slice(&bytes);
        }
    }
    assert!(seen == expected, "{} of {}", seen.len(), expected.len());
}

#[tokio::test]
async fn what_is_shown_is_recorded_only_when_asked() {
    let init = Init::start().await;
    let asked = TerminalSpec {
        record: true,
        ..session("printf 'caf\\303\\251'; read line; echo $line")
    };
    let mut viewer = init.client.terminal(&asked).await.unwrap();
    read_until(&mut viewer, "caf\u{e9}").await;
    assert!(init.client.status().await.unwrap().sessions[0].recording);
    viewer.input().write(b"\n").await.unwrap();
    end_of(&mut viewer).await;
    let quiet = TerminalSpec {
        session: None,
        ..session("true")
    };
    end_of(&mut init.client.terminal(&quiet).await.unwrap()).await;
    let recordings = std::fs::read_dir(init.path("state/recordings")).unwrap();
    let files: Vec<_> = recordings.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 2);
    assert!(text.contains("caf\u{e9}"), "{text}");
}

#[tokio::test]
async fn every_viewer_is_told_the_end_when_the_workspace_stops() {
    let init = Init::start().await;
    let stubborn = session("trap '' HUP TERM; echo up; while :; do sleep 1; done");
    let mut viewers = Vec::new();
    for _each in 0..3 {
        viewers.push(init.client.terminal(&stubborn).await.unwrap());
    }
    for viewer in &mut viewers {
        read_until(viewer, "up").await;
    }
    let stopping = tokio::spawn(init.stop(Duration::from_millis(100)));
    for viewer in &mut viewers {
        assert_eq!(end_of(viewer).await, ExitOutcome::Signalled { signal: 9 });
    }
    stopping.await.unwrap();
}
