//! Commands that read, and those that only prepare a change.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample::{self, OPERATION, WORKSPACE};

/// A server with one running workspace.
fn serving(phase: &'static str) -> Fixture {
    Fixture::new(move |asked: &Asked| match (asked.method.as_str(), asked.path()) {
        ("GET", "/api/v1/workspaces/hello") => Reply::json(&sample::workspace(phase)),
        ("GET", path) if path == format!("/api/v1/workspaces/{WORKSPACE}") => {
            Reply::json(&sample::workspace(phase))
        }
        ("GET", path) if path.ends_with("/operations") => {
            Reply::json(&sample::page(&[sample::operation("succeeded")]))
        }
        ("GET", "/api/v1/workspaces") => match asked.query("cursor") {
            None => {
                let mut first = sample::page(&[sample::workspace(phase)]);
                first["next"] = json!("next page");
                Reply::json(&first)
            }
            Some(cursor) => {
                assert_eq!(cursor, "next%20page");
                let mut other = sample::workspace(phase);
                other["name"] = json!("other");
                Reply::json(&sample::page(&[other]))
            }
        },
        ("GET", "/api/v1/nodes") => Reply::json(&sample::page(&[
            sample::node("process", "online"),
            sample::node("docker", "lost"),
        ])),
        ("GET", "/health") => Reply::json(&sample::health(40)),
        ("POST", path) if path.ends_with("/start") => Reply::json(
            &json!({"workspace": WORKSPACE, "operation": null, "reason": "the workspace is running already", "sequence": 40}),
        ),
        _ => sample::problem(404, "NOT_FOUND", "there is no such workspace", "look again"),
    })
    .registered()
}

#[test]
fn status_is_the_page_and_the_waterfall() {
    let ran = serving("running")
        .run(&["workspace", "status", "hello"])
        .ok();
    insta::assert_snapshot!(ran.stdout, @r"
    workspace   hello
    id          ws-00000000000000000000000000000001
    phase       running
    machine     process
    node        node-00000000000000000000000000000004
    shell       nexus workspace ssh hello  (dev@127.0.0.1:2222)
    services
      web  running    http://127.0.0.1:23000

    create hello: succeeded after 5.0 s
      ✓ machine █████████····································    +100 ms     900 ms
      ✓ clone   ·········███████████████████████████·········     +1.0 s      3.1 s
    ");
    assert_eq!(ran.stderr, "");
}

#[test]
fn status_as_json_carries_the_waterfall_as_data() {
    let ran = serving("running")
        .run(&["workspace", "status", "hello", "-o", "json"])
        .ok();
    let status: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(status["phase"], "running");
    assert_eq!(
        status["waterfall"]["steps"][1],
        json!({"step": "clone", "state": "succeeded", "offset_ms": 1000, "duration_ms": 3100})
    );
}

#[test]
fn a_list_is_all_of_its_pages() {
    let ran = serving("running")
        .run(&["workspace", "ls", "--output", "name"])
        .ok();
    assert_eq!(ran.stdout, "hello\nother\n");
    let ran = serving("running")
        .run(&["workspace", "list", "-o", "ndjson"])
        .ok();
    assert_eq!(ran.stdout.lines().count(), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let fixture = serving("running");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = fixture
        .command(&["workspace", "list"])
        .stdout(writer)
        .output()
        .unwrap();
    assert!(ran.stderr.is_empty(), "{ran:?}");
}

#[test]
fn the_active_workspace_is_meant_when_none_is_named() {
    let fixture = serving("running");
    let nobody = fixture.run(&["workspace", "status"]);
    assert_eq!(nobody.code, 2);
    assert!(
        nobody.error()[2].starts_with("nexus workspace use"),
        "{nobody:#?}"
    );
    fixture.run(&["workspace", "use", "hello"]).ok();
    assert_eq!(fixture.run(&["workspace", "use"]).ok().stdout, "hello\n");
    fixture.run(&["workspace", "status"]).ok();
    let mut elsewhere = fixture.command(&["workspace", "status"]);
    elsewhere.env("NEXUS_WORKSPACE", "other");
    assert_eq!(
        elsewhere.output().unwrap().status.code(),
        Some(3),
        "the variable wins"
    );
    fixture.run(&["workspace", "use", "--clear"]).ok();
    assert_eq!(fixture.run(&["workspace", "status"]).code, 2);
}

#[test]
fn a_name_that_is_not_there_points_to_the_list() {
    let ran = serving("running").run(&["workspace", "status", "nobody"]);
    assert_eq!(ran.code, 3);
    let [what, why, next] = ran.error();
    assert_eq!(what, "find workspace nobody");
    assert_eq!(
        why,
        "there is no such workspace (NOT_FOUND, trace 4bf92f3577b34da6)"
    );
    assert_eq!(next, "nexus workspace list");
}

#[test]
fn starting_what_runs_says_so_and_is_no_error() {
    let ran = serving("running")
        .run(&["workspace", "start", "hello"])
        .ok();
    assert_eq!(ran.stderr, "the workspace is running already\n");
    assert!(
        ran.stdout.contains("phase       running") || ran.stdout.contains("running"),
        "{ran:#?}"
    );
}

#[test]
fn a_dry_run_shows_the_request_and_sends_none() {
    let fixture = serving("running");
    let create = [
        "workspace",
        "create",
        "org/My.App@next",
        "--dry-run",
        "-o",
        "json",
    ];
    let ran = fixture.run(&create).ok();
    let request: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(request["path"], "/api/v1/workspaces?owner=jane");
    assert_eq!(request["body"]["name"], "my-app");
    assert_eq!(
        request["body"]["spec"]["provider"], "process",
        "the one that is online"
    );
    assert_eq!(request["body"]["spec"]["repository"]["branch"], "next");
    for verb in ["start", "stop", "delete"] {
        let ran = fixture.run(&["workspace", verb, "hello", "--dry-run"]).ok();
        assert_eq!(
            ran.stdout,
            format!("POST /api/v1/workspaces/hello/{verb}\n")
        );
    }
    assert!(
        fixture.asked().iter().all(|asked| asked.method == "GET"),
        "{:#?}",
        fixture.asked()
    );
}

#[test]
fn wrong_wishes_are_refused_before_anything_is_sent() {
    for (arguments, word) in [
        (vec!["../x", "--provider", "process"], "repository"),
        (vec!["a_b", "--provider", "process"], "workspace name"),
        (vec!["a", "--provider", "cloud"], "no provider"),
        (
            vec!["a", "--provider", "process", "--env", "X"],
            "KEY=VALUE",
        ),
        (vec!["a", "--provider", "process", "--idle", "1s"], "idle"),
        (vec!["a", "--provider", "process", "--image", "-x"], "image"),
        (
            vec!["a", "--provider", "process", "--repo", "ext::sh"],
            "repository",
        ),
        (
            vec!["o/a", "--provider", "process", "--repo", "o/b"],
            "twice",
        ),
    ] {
        let fixture = serving("running");
        let image = arguments.join(" ").replace("--image -x", "--image=-x");
        let typed: Vec<&str> = ["workspace", "create"]
            .into_iter()
            .chain(image.split(' '))
            .collect();
        let ran = fixture.run(&typed);
        assert_eq!(ran.code, 2, "{typed:?} {ran:#?}");
        assert!(ran.error().concat().contains(word), "{word}: {ran:#?}");
        assert!(fixture.asked().is_empty(), "{:#?}", fixture.asked());
    }
}

#[test]
fn a_server_that_has_just_started_is_given_time_for_its_workers() {
    let looks = AtomicUsize::new(0);
    let fixture = Fixture::new(move |asked: &Asked| match asked.path() {
        "/api/v1/nodes" if looks.fetch_add(1, Ordering::SeqCst) < 2 => {
            Reply::json(&sample::page(&[]))
        }
        "/api/v1/nodes" => Reply::json(&sample::page(&[sample::node("qemu", "online")])),
        _ => {
            let mut health = sample::health(1);
            health["uptime_seconds"] = json!(0);
            Reply::json(&health)
        }
    })
    .registered();
    let create = [
        "workspace",
        "create",
        "a",
        "--provider",
        "qemu",
        "--dry-run",
    ];
    let ran = fixture.run(&create).ok();
    assert!(ran.stdout.contains("qemu"), "{ran:#?}");
}

#[test]
fn no_worker_at_all_is_told_before_anything_is_asked_for() {
    let fixture = Fixture::new(|asked: &Asked| match asked.path() {
        "/api/v1/nodes" => Reply::json(&sample::page(&[sample::node("docker", "lost")])),
        _ => Reply::json(&sample::health(1)),
    })
    .registered();
    let ran = fixture.run(&["workspace", "create", "a"]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    assert_eq!(ran.error()[1], "no worker is online");
}

#[test]
fn deleting_needs_a_yes_that_nobody_can_give_without_a_terminal() {
    let fixture = serving("running");
    let ran = fixture.run(&["workspace", "delete", "hello"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.error()[2], "nexus workspace delete hello --yes");
    assert!(fixture.asked().is_empty());
}

#[test]
fn logs_are_lines_with_their_step_and_nothing_a_terminal_acts_on() {
    let piece = |sequence: u64, step: &str, text: &str| {
        json!({"sequence": sequence, "at": "2026-11-21T04:00:01Z", "operation": OPERATION,
            "step": step, "stream": "stdout", "text": text})
    };
    let fixture = Fixture::new(move |asked| {
        assert_eq!(asked.query("tail"), Some("5"));
        Reply::lines(&[
            piece(
                1,
                "clone",
                "Cloning into 'hello'...\n\u{1b}]0;owned\u{7}done\n",
            ),
            piece(2, "service-web", "listening"),
        ])
    });
    let ran = fixture
        .run(&["workspace", "logs", "hello", "--tail", "5"])
        .ok();
    insta::assert_snapshot!(ran.stdout, @r"
    clone        Cloning into 'hello'...
    clone        done
    service-web  listening
    ");
}

#[test]
fn services_and_nodes_have_tables() {
    let fixture = serving("running");
    let services = fixture.run(&["workspace", "services", "hello"]).ok();
    assert!(
        services.stdout.contains("http://127.0.0.1:23000"),
        "{services:#?}"
    );
    let nodes = fixture.run(&["node", "list"]).ok();
    assert_eq!(nodes.stdout.lines().count(), 3, "{nodes:#?}");
}
