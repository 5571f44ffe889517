//! Changes that are followed to their end: progress, outcome, time-out, Ctrl-C, lost connections.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::fixture::{Asked, End, Fixture, Ran, Reply};
use crate::sample::{self, OPERATION, WORKSPACE};

/// A server on which `hello` is created with this `end`; its event stream is `events`.
fn creating(
    end: &'static str,
    events: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> Fixture {
    let streamed = AtomicBool::new(false);
    let answer = move |asked: &Asked| match (asked.method.as_str(), asked.path()) {
        ("POST", "/api/v1/workspaces") => Reply::json(&sample::accepted()).with_status(202),
        ("POST", path) if path.ends_with("/stop") => {
            Reply::json(&sample::accepted()).with_status(202)
        }
        ("GET", path) if path == format!("/api/v1/operations/{OPERATION}") => {
            let ended = streamed.load(Ordering::SeqCst);
            Reply::json(&sample::operation(if ended { end } else { "in_flight" }))
        }
        ("GET", "/api/v1/events") => {
            streamed.store(true, Ordering::SeqCst);
            events(asked)
        }
        ("GET", path) if path == format!("/api/v1/workspaces/{WORKSPACE}") => {
            Reply::json(&sample::workspace("running"))
        }
        ("GET", "/api/v1/nodes") => {
            Reply::json(&sample::page(&[sample::node("process", "online")]))
        }
        _ => sample::not_found(),
    };
    Fixture::new(answer).registered()
}

fn create(fixture: &Fixture, more: &[&str]) -> Ran {
    let arguments = ["workspace", "create", "hello", "--provider", "process"];
    fixture.run(&[&arguments, more].concat())
}

#[test]
fn a_create_shows_its_steps_and_ends_with_the_workspace() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready()))
    });
    let ran = create(&fixture, &[]).ok();
    insta::assert_snapshot!(ran.stderr, @r#"
    operation=op-00000000000000000000000000000003 state=placed node=node-00000000000000000000000000000004
    step=machine state=started
    step=machine state=done seconds=0.900 detail="reused"
    step=clone state=started
    operation=op-00000000000000000000000000000003 state=succeeded
    "#);
    assert!(ran.stdout.starts_with("workspace   hello\n"), "{ran:#?}");
    let request = fixture.asked_for("POST", "/api/v1/workspaces");
    assert_eq!(request.query("owner"), Some("jane"));
    assert_eq!(request.body["name"], "hello");
    assert_eq!(request.body["spec"]["provider"], "process");
    assert!(request.header("idempotency-key").is_some());
    let tail = fixture.asked_for("GET", "/api/v1/events");
    assert_eq!(
        (tail.query("after"), tail.query("workspace")),
        (Some("30"), Some(WORKSPACE))
    );
    assert_eq!(tail.header("accept"), Some("text/event-stream"));
}

#[test]
fn progress_as_json_is_documents_on_standard_error() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready()))
    });
    let ran = create(&fixture, &["--progress", "json", "-o", "json"]).ok();
    let lines: Vec<Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(
        lines[2],
        json!({"step": "machine", "state": "done", "seconds": 0.9, "detail": "reused"})
    );
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["name"],
        "hello"
    );
}

#[test]
fn quiet_leaves_the_data_only() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready()))
    });
    let ran = create(&fixture, &["--quiet", "-o", "name"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("hello\n", ""));
}

#[test]
fn a_failure_shows_the_waterfall_the_cause_and_what_to_type() {
    let fixture = creating("failed", |_| {
        sample::stream(&sample::story(&sample::failed()))
    });
    let ran = create(&fixture, &["--progress", "none"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r"
    create hello: failed after 5.0 s
      ✓ machine █████████····································    +100 ms     900 ms
      ✗ clone   ·········███████████████████████████·········     +1.0 s      3.1 s
    error: could not create workspace hello
      why: step clone: git clone ended with code 128 (PROCESS_ERROR)
     next: nexus workspace logs hello --step clone
    ");
}

#[test]
fn a_newer_request_that_took_over_is_a_conflict() {
    let superseding = sample::event(
        35,
        "delete_requested",
        &json!({"operation": {"id": "op-00000000000000000000000000000009",
            "at": "2026-11-21T04:00:05Z", "deadline": "2026-11-21T04:05:05Z"},
            "epoch": 2, "supersedes": OPERATION}),
    );
    let fixture = creating("superseded", move |_| {
        sample::stream(&sample::story(&superseding))
    });
    let ran = create(&fixture, &[]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    assert_eq!(ran.error()[1], "a newer request took its place");
}

#[test]
fn a_broken_stream_goes_on_after_the_last_event_seen() {
    let connections = AtomicUsize::new(0);
    let fixture = creating("succeeded", move |asked| {
        let story = sample::story(&sample::ready());
        match connections.fetch_add(1, Ordering::SeqCst) {
            0 => sample::stream(&story[..2]).ending(End::Cut),
            1 => sample::problem(503, "LOG_UNAVAILABLE", "not now", ""),
            _ => {
                assert_eq!(asked.query("after"), Some("32"));
                // What was seen already comes once more: at least once is what is promised.
                sample::stream(&story)
            }
        }
    });
    let ran = create(&fixture, &[]).ok();
    let steps: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains("machine"))
        .collect();
    assert_eq!(steps.len(), 2, "one start and one end: {ran:#?}");
}

#[test]
fn what_takes_too_long_goes_on_and_says_how_to_follow_it() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready())[..2]).ending(End::Held)
    });
    let ran = create(&fixture, &["--timeout", "300ms"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    let [what, why, next] = ran.error();
    assert_eq!(what, "wait for the end of create hello");
    assert_eq!(why, "it has not ended after 300 ms; the operation goes on");
    assert_eq!(next, format!("nexus operation wait {OPERATION}"));
}

#[test]
fn ctrl_c_leaves_the_operation_to_itself() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready())[..2]).ending(End::Held)
    });
    let mut child = fixture
        .command(&["workspace", "create", "hello", "--provider", "process"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("step=machine") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    while stderr.read_line(&mut said).unwrap() > 0 {}
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        said.contains("interrupted by Ctrl-C; the operation goes on"),
        "{said}"
    );
    assert!(
        said.contains(&format!("nexus operation wait {OPERATION}")),
        "{said}"
    );
}

#[test]
fn without_waiting_the_operation_is_told() {
    let fixture = creating("succeeded", |_| sample::not_found());
    let ran = create(&fixture, &["--no-wait", "-o", "name"]).ok();
    assert_eq!(ran.stdout, format!("{OPERATION}\n"));
    let ran = create(&fixture, &["--no-wait"]).ok();
    assert!(ran.stdout.contains(OPERATION) && ran.stdout.contains(WORKSPACE));
}

#[test]
fn waiting_for_an_operation_draws_its_waterfall() {
    let fixture = creating("succeeded", |_| {
        sample::stream(&sample::story(&sample::ready()))
    });
    let ran = fixture.run(&["operation", "wait", OPERATION]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    create hello: succeeded after 5.0 s
      ✓ machine █████████····································    +100 ms     900 ms
      ✓ clone   ·········███████████████████████████·········     +1.0 s      3.1 s
    ");
    let ended = fixture
        .run(&["operation", "wait", OPERATION, "-o", "json"])
        .ok();
    assert_eq!(
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["state"],
        "succeeded"
    );
    assert_eq!(ended.stderr, "", "it had ended already");
}

#[test]
fn a_write_whose_connection_breaks_is_sent_again_under_the_same_key() {
    let attempts = AtomicUsize::new(0);
    let fixture = Fixture::new(move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply {
            status: 0,
            headers: vec![],
            body: vec![],
            end: End::Cut,
        },
        _ => Reply::json(&sample::accepted()).with_status(202),
    })
    .registered();
    fixture
        .run(&["workspace", "stop", "hello", "--no-wait"])
        .ok();
    let keys: Vec<String> = fixture
        .asked()
        .iter()
        .map(|asked| asked.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}
