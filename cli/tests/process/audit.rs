//! Questions about the past, asked of a file: the same answers without a server.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample;

/// The log every stored form of which is kept (`events/tests/audit.rs` tells its story).
fn log() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/tests/golden/log.ndjson")
}

fn asked(arguments: &[&str]) -> Ran {
    let fixture = Fixture::without_server();
    let path = log();
    let path = path.to_str().unwrap();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|word| if *word == "LOG" { path } else { word })
        .collect();
    fixture.run(&arguments)
}

#[test]
fn a_deleted_workspace_is_explained() {
    insta::assert_snapshot!("why", asked(&["why", "hello", "--file", "LOG"]).ok().stdout);
    insta::assert_snapshot!(
        "why_event",
        asked(&["why", "14", "--file", "LOG"]).ok().stdout
    );
    let document = asked(&["why", "hello", "--file", "LOG", "-o", "json"])
        .ok()
        .stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    let requests = document["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 7, "{document:#}");
    let all = asked(&["why", "hello", "--file", "LOG", "--all"])
        .ok()
        .stdout;
    assert!(all.contains("workspace.activity_observed"), "{all}");
    let checked = asked(&["why", "--verify", "--file", "LOG"]).ok().stdout;
    insta::assert_snapshot!("why_verify", checked);
    let nothing = asked(&["why", "nobody", "--file", "LOG"]);
    assert_eq!(nothing.code, 3, "{nothing:#?}");
    nothing.error();
}

#[test]
fn every_moment_of_the_past_is_shown() {
    insta::assert_snapshot!(
        "replay_ports",
        asked(&["replay", "LOG", "--seq", "9", "--show", "ports"])
            .ok()
            .stdout
    );
    let nodes = asked(&[
        "replay", "LOG", "--seq", "9", "--show", "nodes", "-o", "name",
    ])
    .ok();
    assert_eq!(nodes.stdout.lines().count(), 1);
    let names = asked(&["replay", "LOG", "--seq", "9", "-o", "name"])
        .ok()
        .stdout;
    assert_eq!(names, "hello\n");
    let at = |time: &str| {
        asked(&["replay", "LOG", "--at", time, "-o", "json"])
            .ok()
            .stdout
    };
    // The epoch of the story is 2027-01-15T08:00:00Z; it runs from second 5, and is gone at 2201.
    for (time, phase) in [
        ("2027-01-15T08:00:01Z", json!("requested")),
        ("2027-01-15T08:00:05Z", json!("running")),
        ("2027-01-15T08:25:00Z", json!("stopping")),
        ("2027-01-15T09:00:00Z", Value::Null),
    ] {
        let list: Value = serde_json::from_str(&at(time)).unwrap();
        assert_eq!(list["items"][0]["phase"], phase, "{time}");
    }
    let one = asked(&[
        "replay",
        "LOG",
        "--seq",
        "12",
        "--workspace",
        "hello",
        "-o",
        "json",
    ])
    .ok();
    let one: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(
        (&one["phase"], &one["sequence"]),
        (&json!("running"), &json!(12))
    );
    let beyond = asked(&["replay", "LOG", "--seq", "9999"]);
    assert_eq!(beyond.code, 3, "{beyond:#?}");
    let early = asked(&["replay", "LOG", "--seq", "2", "--workspace", "hello"]);
    assert_eq!(early.code, 3, "{early:#?}");
}

#[test]
fn decisions_steps_and_policies_are_told() {
    insta::assert_snapshot!("assert", asked(&["replay", "LOG", "--assert"]).ok().stdout);
    insta::assert_snapshot!("slo", asked(&["slo", "--file", "LOG"]).ok().stdout);
    insta::assert_snapshot!(
        "idle",
        asked(&["idle", "why", "hello", "--file", "LOG"])
            .ok()
            .stdout
    );
    let what_if = ["what-if", "--policy", "idle=200s", "--file", "LOG"];
    insta::assert_snapshot!("what_if", asked(&what_if).ok().stdout);
    let from = [&what_if[..], &["--from", "15"]].concat();
    let later = asked(&[&from[..], &["-o", "json"]].concat()).ok().stdout;
    let later: Value = serde_json::from_str(&later).unwrap();
    assert_eq!(later[0]["recorded_stops"], 0, "{later}");
    for wrong in [
        &["what-if", "--policy", "cpu=1", "--file", "LOG"][..],
        &[
            "what-if", "--policy", "idle=5m", "--from", "soon", "--file", "LOG",
        ],
        &["slo", "--since", "soon", "--file", "LOG"],
    ] {
        let ran = asked(wrong);
        assert_eq!(ran.code, 2, "{ran:#?}");
        ran.error();
    }
}

#[test]
fn a_file_is_whole_or_says_where_not() {
    insta::assert_snapshot!("verify", asked(&["audit", "verify", "LOG"]).ok().stdout);
    let text = std::fs::read_to_string(log()).unwrap();
    let fixture = Fixture::without_server();
    let file = fixture.home().join("log.ndjson");
    let verify = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let ran = fixture.run(&["audit", "verify", file.to_str().unwrap(), "-o", "name"]);
        assert_eq!(ran.code, 1, "{ran:#?}");
        ran.stdout
    };
    // The duration of the second of two steps, which every reader would believe.
    let needle = "\"duration_ms\":900,";
    let place = text.rfind(needle).unwrap();
    let mut other = text.clone();
    other.replace_range(place..place + needle.len(), "\"duration_ms\":901,");
    assert_eq!(verify(&other), "18\n");
    let lines: Vec<&str> = text.lines().collect();
    let without = [&lines[..5], &lines[6..]].concat().join("\n") + "\n";
    assert!(verify(&without).starts_with("6\n"), "event 5 is missing");
    let cut = lines[..9].join("\n") + "\n";
    assert!(verify(&cut).contains('8'), "it ends at event 8");
    let head = asked(&["audit", "verify", "LOG", "--head", "00"]);
    assert_eq!(head.code, 1, "{head:#?}");
    let none = asked(&["audit", "verify", "no-such-file"]);
    assert_eq!(none.code, 3, "{none:#?}");
    std::fs::write(&file, "{}\n").unwrap();
    let other = fixture.run(&["audit", "verify", file.to_str().unwrap()]);
    assert_eq!(other.code, 1, "{other:#?}");
    other.error();
}

#[test]
fn an_incident_is_cut_out_without_names() {
    let fixture = Fixture::without_server();
    let out = fixture.home().join("incident.ndjson");
    let out = out.to_str().unwrap();
    let path = log();
    let export = [
        "incident", "export", "--around", "13", "--within", "2", "--out", out,
    ];
    let export = [&export[..], &["--file", path.to_str().unwrap()]].concat();
    fixture.run(&export).ok();
    let text = std::fs::read_to_string(out).unwrap();
    for personal in ["hello", "adas", "c0ffee"] {
        assert!(!text.contains(personal), "{personal}");
    }
    let verified = fixture.run(&["audit", "verify", out]).ok();
    assert!(
        verified.stdout.contains("12, from 4 to 15"),
        "{verified:#?}"
    );
    fixture.run(&["replay", out, "--assert"]).ok();
}

/// A server that serves the file as its log.
fn server() -> Fixture {
    Fixture::new(|asked: &Asked| match asked.path() {
        "/api/v1/log" => {
            let text = std::fs::read_to_string(log()).unwrap();
            Reply::text(200, "application/x-ndjson", text)
        }
        "/api/v1/users" => Reply::json(&sample::page(&[])),
        "/api/v1/parked" => Reply::json(&sample::page(&[json!({
            "sequence": 7, "subject": "nexus.cmd.process.any.ws-1", "attempts": 5,
            "reason": "delivered 5 times\u{1b}[2J", "at": "2026-11-21T04:00:00Z",
            "payload": "{\"id\":\"cmd-1\"}"
        })])),
        "/api/v1/parked/7/retry" => Reply::text(204, "text/plain", ""),
        "/api/v1/projections/verify"
        | "/api/v1/projections/shadow"
        | "/api/v1/projections/switch"
        | "/api/v1/projections/compare" => Reply::json(&json!({"running": true})).with_status(202),
        "/api/v1/projections/work" => Reply::json(&json!({
            "work": "verify", "running": false, "sequence": 26, "tables": [
                {"name": "workspaces", "rows": 3, "expected_rows": 3, "equal": true,
                 "digest": "aa11", "expected_digest": "aa11"},
                {"name": "claims", "rows": 2, "expected_rows": 1, "equal": false,
                 "digest": "bb22", "expected_digest": "cc33",
                 "different": [{"key": "port-1", "how": "the log does not lead to it"}]}
            ]
        })),
        _ => sample::not_found(),
    })
}

#[test]
fn the_log_of_a_server_is_exported_with_its_chains() {
    let fixture = server();
    let out = fixture.home().join("out.ndjson");
    let out = out.to_str().unwrap();
    let ran = fixture.run(&["audit", "export", "--out", out]).ok();
    assert_eq!(
        std::fs::read(out).unwrap(),
        std::fs::read(log()).unwrap(),
        "the same chains"
    );
    assert!(ran.stderr.contains("the last hash"), "{ran:#?}");
    let asked = fixture.asked_for("GET", "/api/v1/log");
    assert_eq!(asked.query("refusals"), Some("true"));
    fixture.run(&["audit", "verify", out, "--live"]).ok();
    let kept = fixture.home().join("backup");
    fixture.run(&["backup", kept.to_str().unwrap()]).ok();
    let again = fixture.run(&["backup", kept.to_str().unwrap()]);
    assert_eq!(again.code, 5, "{again:#?}");
    // A deleted workspace has no name on the server any more; the log has it.
    let why = fixture.run(&["why", "hello"]).ok();
    assert!(why.stdout.contains("delete by"), "{why:#?}");
}

#[test]
fn what_is_parked_is_listed_shown_and_retried() {
    let fixture = server();
    insta::assert_snapshot!("parked", fixture.run(&["parked", "list"]).ok().stdout);
    insta::assert_snapshot!(
        "parked_show",
        fixture.run(&["parked", "show", "7"]).ok().stdout
    );
    fixture.run(&["parked", "retry", "7"]).ok();
    fixture.asked_for("POST", "/api/v1/parked/7/retry");
    let dry = fixture.run(&["parked", "discard", "7", "--dry-run"]).ok();
    assert!(
        dry.stdout.starts_with("POST /api/v1/parked/7/discard"),
        "{dry:#?}"
    );
    let none = fixture.run(&["parked", "show", "8"]);
    assert_eq!(none.code, 3, "{none:#?}");
    let gone = fixture.run(&["parked", "retry", "9"]);
    assert_eq!(gone.code, 3, "{gone:#?}");
}

#[test]
fn read_models_that_differ_exit_with_one() {
    let ran = server().run(&["projection", "verify"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    insta::assert_snapshot!("projection_verify", ran.stdout);
    // What differs is not switched to, unless that is what is asked for.
    let fixture = server();
    let ran = fixture.run(&["projection", "upgrade"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let paths: Vec<String> = fixture
        .asked()
        .iter()
        .map(|asked| asked.path().to_owned())
        .collect();
    assert!(
        !paths.iter().any(|path| path.ends_with("/switch")),
        "{paths:?}"
    );
    fixture.run(&["projection", "upgrade", "--switch"]).ok();
    fixture.run(&["projection", "upgrade", "--rollback"]).ok();
    let both = fixture.run(&["projection", "upgrade", "--switch", "--rollback"]);
    assert_eq!(both.code, 2, "{both:#?}");
}
