//! `nexus up` and `ws start`: do what is missing, and nothing else.

use std::os::unix::process::CommandExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample::{self, WORKSPACE};

/// A server whose workspace `hello` is in this phase, or is not there yet; a change is done as
/// soon as it is accepted.
fn serving(phase: Option<&'static str>) -> Fixture {
    let changed = AtomicBool::new(false);
    let workspace = move |changed: bool| match (phase, changed) {
        (None, false) => sample::not_found(),
        (Some(phase), false) => Reply::json(&sample::workspace(phase)),
        (_, true) => Reply::json(&sample::workspace("running")),
    };
    let fixture = Fixture::new(
        move |asked: &Asked| match (asked.method.as_str(), asked.path()) {
            (_, "/readyz") => Reply::text(200, "text/plain", "ok\n"),
            (_, "/api/v1/users/register") => Reply::json(&json!({
                "user_id": "user-00000000000000000000000000000002",
                "registered_at": "2026-11-21T04:00:00Z", "workspaces": []
            })),
            (_, "/api/v1/nodes") => {
                Reply::json(&sample::page(&[sample::node("process", "online")]))
            }
            (_, "/health") => Reply::json(&sample::health(40)),
            ("GET", path) if path.starts_with("/api/v1/operations/") => {
                Reply::json(&sample::operation("succeeded"))
            }
            ("GET", _) => workspace(changed.load(Ordering::SeqCst)),
            ("POST", _) => {
                changed.store(true, Ordering::SeqCst);
                Reply::json(&sample::accepted()).with_status(202)
            }
            _ => sample::not_found(),
        },
    );
    fixture.program("gh", "exit 4");
    fixture
}

/// What the server was asked to change, registering apart.
fn changes(fixture: &Fixture) -> Vec<String> {
    let asked = fixture.asked();
    let writes = asked.iter().filter(|asked| asked.method != "GET");
    let paths = writes.map(|asked| asked.path().to_owned());
    paths
        .filter(|path| path != "/api/v1/users/register")
        .collect()
}

#[test]
fn from_nothing_it_registers_creates_and_says_how_to_get_in() {
    let fixture = serving(None);
    let up = ["up", "--repo", "org/hello", "--provider", "process"];
    let ran = fixture.run(&up).ok();
    assert_eq!(changes(&fixture), ["/api/v1/workspaces"]);
    let create = fixture.asked_for("POST", "/api/v1/workspaces");
    assert_eq!(create.query("owner"), Some("jane"));
    assert_eq!(create.body["name"], "hello", "named after its repository");
    assert!(
        ran.stdout
            .starts_with("create hello: succeeded after 5.0 s\n"),
        "{ran:#?}"
    );
    for line in [
        "hello is running\n",
        "  shell     nexus workspace ssh hello\n",
        "  web       http://127.0.0.1:23000\n",
    ] {
        assert!(ran.stdout.contains(line), "{line} {ran:#?}");
    }
    assert!(ran.stdout.contains("  or        ssh -p 2222 "), "{ran:#?}");
}

#[test]
fn again_it_changes_nothing() {
    let fixture = serving(Some("running"));
    let ran = fixture.run(&["up", "hello"]).ok();
    assert!(changes(&fixture).is_empty(), "{:#?}", fixture.asked());
    assert!(
        ran.stderr.ends_with("workspace hello is running\n"),
        "{ran:#?}"
    );
    let other = fixture.run(&["up", "hello", "--repo", "org/other"]).ok();
    assert!(
        other
            .stderr
            .contains("it holds no repository, not https://github.com/org/other.git"),
        "{other:#?}"
    );
}

#[test]
fn what_is_stopped_or_failed_is_started() {
    for phase in ["stopped", "failed"] {
        let fixture = serving(Some(phase));
        fixture.run(&["up", "hello", "-o", "json"]).ok();
        assert_eq!(
            changes(&fixture),
            [format!("/api/v1/workspaces/{WORKSPACE}/start")]
        );
    }
}

fn ws(fixture: &Fixture, arguments: &[&str]) -> Ran {
    let mut command = fixture.command(arguments);
    command.arg0("ws").output().unwrap().into()
}

#[test]
fn ws_start_makes_what_is_not_there_and_starts_what_is() {
    let fixture = serving(None);
    ws(
        &fixture,
        &["start", "hello", "--clone", "git@github.com:org/x.git"],
    )
    .ok();
    assert_eq!(changes(&fixture), ["/api/v1/workspaces"]);
    let create = fixture.asked_for("POST", "/api/v1/workspaces");
    let repository = &create.body["spec"]["repository"];
    assert_eq!(repository["url"], "git@github.com:org/x.git");
    let fixture = serving(Some("stopped"));
    ws(&fixture, &["start", "hello"]).ok();
    assert_eq!(
        changes(&fixture),
        [format!("/api/v1/workspaces/{WORKSPACE}/start")]
    );
}
