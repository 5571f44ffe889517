//! `events tail`: filters, positions, and a cursor that neither misses nor repeats.

use serde_json::{Value, json};

use crate::fixture::{Asked, End, Fixture, Reply};
use crate::sample;

/// The log of this server: one event for each sequence up to `newest`.
fn log(newest: u64) -> Fixture {
    Fixture::new(move |asked: &Asked| match asked.path() {
        "/health" => Reply::json(&sample::health(newest)),
        "/api/v1/events" => {
            let after: u64 = asked.query("after").unwrap().parse().unwrap();
            let events: Vec<Value> = (after + 1..=newest)
                .map(|sequence| {
                    sample::event(sequence, "activity_observed", &json!({"source": "ssh"}))
                })
                .collect();
            let mut reply = sample::stream(&events);
            reply
                .body
                .extend_from_slice(b"event: caught_up\ndata: {}\n\n");
            reply.ending(End::Held)
        }
        path if path.starts_with("/api/v1/workspaces/") => {
            Reply::json(&sample::workspace("running"))
        }
        _ => sample::not_found(),
    })
}

fn sequences(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect(line)["sequence"]
                .as_u64()
                .unwrap()
        })
        .collect()
}

#[test]
fn everything_there_is_can_be_printed_once() {
    let fixture = log(3);
    let ran = fixture
        .run(&["events", "tail", "--no-follow", "-o", "ndjson"])
        .ok();
    assert_eq!(sequences(&ran.stdout), [1, 2, 3]);
    let ran = fixture
        .run(&["events", "tail", "--no-follow", "--since", "2"])
        .ok();
    insta::assert_snapshot!(ran.stdout, @r"
           3  04:00:01  workspace.activity_observed   ws-000000000001
    ");
}

#[test]
fn filters_are_the_servers_and_names_become_ids() {
    let fixture = log(1);
    let tail = [
        "events",
        "tail",
        "--no-follow",
        "--workspace",
        "hello",
        "--kind",
        "workspace",
        "--type",
        "nexus.workspace.step_*",
    ];
    fixture.run(&tail).ok();
    let asked = fixture.asked_for("GET", "/api/v1/events");
    assert_eq!(asked.query("workspace"), Some(sample::WORKSPACE));
    assert_eq!(asked.query("kind"), Some("workspace"));
    assert_eq!(asked.query("type"), Some("nexus.workspace.step_%2A"));
}

#[test]
fn a_cursor_goes_on_where_it_was() {
    let fixture = log(3);
    let cursor = fixture.home().join("cursor");
    let cursor = cursor.to_str().unwrap();
    let tail = [
        "events",
        "tail",
        "--no-follow",
        "-o",
        "ndjson",
        "--cursor",
        cursor,
    ];
    assert_eq!(sequences(&fixture.run(&tail).ok().stdout), [1, 2, 3]);
    assert_eq!(std::fs::read_to_string(cursor).unwrap(), "3\n");
    assert_eq!(fixture.run(&tail).ok().stdout, "");
    std::fs::write(cursor, "1\n").unwrap();
    assert_eq!(sequences(&fixture.run(&tail).ok().stdout), [2, 3]);
}

#[test]
fn a_reader_killed_anywhere_misses_nothing_and_repeats_nothing_it_finished() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let fixture = log(200);
    let cursor = fixture.home().join("cursor");
    let tail = [
        "events",
        "tail",
        "-o",
        "ndjson",
        "--cursor",
        cursor.to_str().unwrap(),
    ];
    let mut seen = Vec::new();
    while seen.last() != Some(&200) {
        let mut child = fixture
            .command(&tail)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = seen.len() + 23;
        let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        while seen.len() < wanted && seen.last() != Some(&200) {
            seen.extend(sequences(&lines.next().unwrap().unwrap()));
        }
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        // What it had printed when the signal came counts as printed.
        for line in lines {
            seen.extend(sequences(&line.unwrap()));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert_eq!(seen, (1..=200).collect::<Vec<u64>>());
}

#[test]
fn a_cursor_of_another_log_is_refused() {
    let fixture = log(3);
    let cursor = fixture.home().join("cursor");
    std::fs::write(&cursor, "99\n").unwrap();
    let ran = fixture.run(&[
        "events",
        "tail",
        "--no-follow",
        "--cursor",
        cursor.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 5);
    assert!(ran.error()[1].contains("another log"), "{ran:#?}");
}

#[test]
fn without_a_position_only_what_is_new_comes() {
    let fixture = log(7);
    let mut child = fixture
        .command(&["events", "tail"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut said).unwrap();
    assert_eq!(said, "events after 7; --since 0 begins with the first\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_says_goodbye_is_asked_again_from_there() {
    let connections = std::sync::atomic::AtomicUsize::new(0);
    let fixture = Fixture::new(move |asked: &Asked| {
        let event =
            |sequence| sample::event(sequence, "activity_observed", &json!({"source": "ssh"}));
        let (events, last) = match connections.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => (
                vec![event(1), event(2)],
                "event: closed\ndata: {\"reason\":\"it stops\",\"sequence\":2}\n\n",
            ),
            _ => {
                assert_eq!(asked.query("after"), Some("2"));
                (
                    vec![event(3)],
                    "event: caught_up\ndata: {\"sequence\":3}\n\n",
                )
            }
        };
        let mut reply = sample::stream(&events);
        reply.body.extend_from_slice(last.as_bytes());
        reply.ending(End::Held)
    });
    let ran = fixture
        .run(&["events", "tail", "--no-follow", "-o", "ndjson"])
        .ok();
    assert_eq!(sequences(&ran.stdout), [1, 2, 3]);
    assert_eq!(
        ran.stderr,
        "the server ended the stream: it stops; trying again\n"
    );
}

#[test]
fn a_server_that_refuses_is_not_asked_again() {
    let fixture = Fixture::new(|_| {
        sample::problem(
            401,
            "AUTHENTICATION_ERROR",
            "who are you",
            "nexus token create",
        )
    });
    let ran = fixture.run(&["events", "tail", "--since", "0"]);
    assert_eq!(ran.code, 4);
    assert_eq!(fixture.asked().len(), 1);
}
