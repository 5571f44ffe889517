//! Holds, settings, read models, the past and the dashboard, as they are asked for.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::fixture::{Asked, Fixture, Ran, Reply};
use crate::sample;

const USER: &str = "user-00000000000000000000000000000002";
const CREDENTIALS: &str = "/api/v1/settings/credentials";

/// A server that takes everything, of one user called jane.
fn taking() -> Fixture {
    let fixture = Fixture::new(
        |asked: &Asked| match (asked.method.as_str(), asked.path()) {
            (_, "/api/v1/users") => Reply::json(&sample::page(&[json!({
                "id": USER, "github_login": "jane", "keys": [], "registered_at": "2026-11-21T04:00:00Z"
            })])),
            ("GET", CREDENTIALS) => Reply::json(&json!({
                "env": {"NPM_TOKEN": {"digest": "d1", "changed_at": "2026-11-21T04:00:00Z"}},
                "files": {"~/.netrc": {"digest": "d2", "changed_at": "2026-11-21T04:00:00Z"}},
                "sequence": 3
            })),
            (_, "/api/v1/settings/scripts") => Reply::json(&json!({"post_start": ["make", "a b"]})),
            (_, "/api/v1/projections") => Reply::json(&json!([
                {"name": "workspaces", "sequence": 40, "lag": 0, "rebuilding": false}
            ])),
            (_, "/health") => Reply::json(&sample::health(40)),
            _ => Reply::json(&sample::workspace("running")),
        },
    );
    fixture.registered()
}

fn with_input(fixture: &Fixture, arguments: &[&str], input: &str) -> Ran {
    let mut child = fixture
        .command(arguments)
        .env("SECRET_HERE", "from env")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read or not, as the arguments say.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_hold_has_a_name_an_end_and_a_reason() {
    let fixture = taking();
    let hold = [
        "workspace",
        "hold",
        "hello",
        "--until",
        "2126-11-21T04:00:00Z",
        "--reason",
        "long build",
    ];
    let ran = fixture.run(&hold).ok();
    assert!(
        ran.stderr.starts_with("workspace hello is held"),
        "{ran:#?}"
    );
    let asked = fixture.asked_for("PUT", "/api/v1/workspaces/hello/holds/manual");
    assert_eq!(
        asked.body,
        json!({"reason": "long build", "until": "2126-11-21T04:00:00Z"})
    );
    assert!(asked.header("idempotency-key").is_some());
    fixture
        .run(&["workspace", "release", "hello", "--name", "nightly"])
        .ok();
    fixture.asked_for("DELETE", "/api/v1/workspaces/hello/holds/nightly");
    let past = [
        "workspace",
        "hold",
        "hello",
        "--until",
        "2020-11-21T04:00:00Z",
    ];
    assert_eq!(fixture.run(&past).code, 2);
    assert_eq!(
        fixture
            .run(&["workspace", "hold", "hello", "--name", "A B"])
            .code,
        2
    );
    let dry = [
        "workspace",
        "hold",
        "hello",
        "--for",
        "2h",
        "--dry-run",
        "-o",
        "json",
    ];
    let shown: Value = serde_json::from_str(&fixture.run(&dry).ok().stdout).unwrap();
    let until: jiff::Timestamp = shown["body"]["until"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((7100..=7200).contains(&left), "{left}");
}

#[test]
fn what_holds_a_workspace_is_shown_everywhere() {
    let mut workspace = sample::workspace("running");
    workspace["holds"] =
        json!({"nightly": {"reason": "long\u{1b}build", "at": "2026-11-21T04:00:00Z"}});
    let mut refused = workspace.clone();
    workspace["holds"]["nightly"]["reason"] = json!("long build");
    let fixture = Fixture::new(move |asked: &Asked| match asked.path() {
        "/api/v1/workspaces" => Reply::json(&sample::page(&[workspace.clone()])),
        path if path.ends_with("/operations") => Reply::json(&sample::page(&[])),
        _ => Reply::json(&workspace),
    });
    let list = fixture.run(&["workspace", "list"]).ok().stdout;
    assert!(list.contains("held by nightly"), "{list}");
    for word in ["show", "status"] {
        let page = fixture.run(&["workspace", word, "hello"]).ok().stdout;
        assert!(page.contains("held        nightly: long build\n"), "{page}");
    }
    refused["name"] = json!("other");
    let fixture = Fixture::new(move |_: &Asked| Reply::json(&refused));
    let ran = fixture.run(&["workspace", "status", "other"]);
    assert_ne!(ran.code, 0, "a reason with control characters is none");
}

#[test]
fn a_secret_comes_from_anywhere_but_the_arguments_and_goes_into_the_body_only() {
    let fixture = taking();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from file\n").unwrap();
    let path = file.path().to_str().unwrap();
    for (name, source, body) in [
        (
            "NPM_TOKEN",
            &["--from-stdin"][..],
            json!({"env": {"NPM_TOKEN": "from stdin"}, "files": {}}),
        ),
        (
            "A",
            &["--from-env", "SECRET_HERE"],
            json!({"env": {"A": "from env"}, "files": {}}),
        ),
        (
            "~/.netrc",
            &["--from-file", path],
            json!({"env": {}, "files": {"~/.netrc": "from file\n"}}),
        ),
    ] {
        let arguments = [&["settings", "credentials", "set", name], source].concat();
        let ran = with_input(&fixture, &arguments, "from stdin\n").ok();
        for value in ["from stdin", "from env", "from file"] {
            assert!(!format!("{ran:?}").contains(value), "{ran:#?}");
        }
        let asked = fixture
            .asked()
            .into_iter()
            .rfind(|asked| asked.method == "PUT")
            .unwrap();
        assert_eq!(
            (asked.path(), asked.query("user")),
            (CREDENTIALS, Some(USER))
        );
        assert_eq!(asked.body, body);
    }
    assert_eq!(
        fixture.run(&["settings", "credentials", "set", "A"]).code,
        2
    );
    let both = [
        "settings",
        "credentials",
        "set",
        "A",
        "--from-stdin",
        "--from-env",
        "X",
    ];
    assert_eq!(fixture.run(&both).code, 2);
    assert_eq!(
        fixture
            .run(&["settings", "credentials", "set", "A", "--from-stdin"])
            .code,
        1
    );
}

#[test]
fn credentials_are_listed_by_name_and_taken_away_by_name() {
    let fixture = taking();
    let listed = fixture
        .run(&["settings", "credentials", "list", "-o", "name"])
        .ok();
    assert_eq!(listed.stdout, "NPM_TOKEN\n~/.netrc\n");
    fixture
        .run(&["settings", "credentials", "unset", "NPM_TOKEN", "~/.netrc"])
        .ok();
    let asked = fixture.asked_for("PUT", CREDENTIALS);
    assert_eq!(
        asked.body,
        json!({"env": {"NPM_TOKEN": null}, "files": {"~/.netrc": null}})
    );
}

#[test]
fn scripts_are_argument_lists() {
    let fixture = taking();
    let shown = fixture.run(&["settings", "scripts"]).ok();
    assert_eq!(shown.stdout, "after start  make 'a b'\n");
    fixture
        .run(&["settings", "scripts", "--post-start", "--", "make", "$X; y"])
        .ok();
    let asked = fixture.asked_for("PUT", "/api/v1/settings/scripts");
    assert_eq!(asked.body, json!({"post_start": ["make", "$X; y"]}));
    fixture.run(&["settings", "scripts", "--clear"]).ok();
    let cleared = fixture
        .asked()
        .into_iter()
        .rfind(|asked| asked.method == "PUT")
        .unwrap();
    assert_eq!(cleared.body, json!({}));
    assert_eq!(
        fixture.run(&["settings", "scripts", "--post-start"]).code,
        2
    );
}

#[test]
fn read_models_and_the_past_are_told() {
    let fixture = taking();
    let list = fixture.run(&["projection", "list"]).ok().stdout;
    assert!(
        list.contains("workspaces  40     0       up to date"),
        "{list}"
    );
    fixture.run(&["projection", "rebuild"]).ok();
    fixture.asked_for("POST", "/api/v1/projections/rebuild");
    let state = fixture
        .run(&["event", "state", "hello", "--at", "12", "-o", "name"])
        .ok();
    assert_eq!(state.stdout, "hello\n");
    fixture.asked_for("GET", "/api/v1/workspaces/hello/at/12");
}

#[test]
fn the_dashboards_address_holds_no_secret_wherever_it_is_opened() {
    let fixture = taking();
    let opened = fixture.user_home().join("opened");
    fixture.program(
        "xdg-open",
        &format!(
            "printf '%s\\n' \"$@\" > {}.new; mv {0}.new {0}",
            opened.display()
        ),
    );
    let lost = fixture.run(&["dashboard"]);
    assert_eq!(lost.code, 1, "{lost:#?}");
    std::fs::write(fixture.home().join("address"), "http://127.0.0.1:3001\n").unwrap();
    let mut command = fixture.command(&["dashboard", "--open"]);
    command.env("NEXUS_TOKEN", "secret");
    let ran = Ran::from(command.output().unwrap()).ok();
    assert!(
        ran.stdout
            .starts_with("dashboard  http://127.0.0.1:3001/\n"),
        "{ran:#?}"
    );
    assert!(ran.stdout.contains("nexus token create"));
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !opened.exists() {
        assert!(
            std::time::Instant::now() < patience,
            "no browser was opened"
        );
        std::thread::yield_now();
    }
    assert_eq!(
        std::fs::read_to_string(opened).unwrap(),
        "http://127.0.0.1:3001/\n"
    );
    std::fs::write(fixture.home().join("address"), "http://evil.example/\n").unwrap();
    assert_eq!(fixture.run(&["dashboard"]).code, 2);
}
