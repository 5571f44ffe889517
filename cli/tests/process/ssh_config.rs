//! `nexus ssh-config`: one line in the person's file, everything else in ours, and all of it
//! undone again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample::{self, HOST_KEY};

fn serving_workspaces(workspaces: Vec<Value>, authority: Value) -> Fixture {
    Fixture::new(move |asked: &Asked| match asked.path() {
        "/api/v1/workspaces" => Reply::json(&sample::page(&workspaces)),
        "/api/v1/ssh/authority" => Reply::json(&authority),
        _ => sample::not_found(),
    })
}

fn authority() -> Value {
    json!({"host_authority": format!("{HOST_KEY} nexus"), "user_authority": HOST_KEY,
        "jump_host": {"host": "127.0.0.1", "port": 3022}})
}

fn serving() -> Fixture {
    serving_workspaces(vec![sample::workspace("running")], authority())
}

fn users(fixture: &Fixture) -> PathBuf {
    fixture.user_home().join(".ssh/config")
}

fn include(fixture: &Fixture) -> String {
    format!(
        "Include \"{}\"\n",
        fixture.home().join("ssh/config").display()
    )
}

#[test]
fn one_line_goes_in_and_comes_out_and_nothing_else_changes() {
    for before in [None, Some("Host a\n  User b\n"), Some("no line break")] {
        let fixture = serving();
        if let Some(before) = before {
            std::fs::write(users(&fixture), before).unwrap();
            std::fs::set_permissions(users(&fixture), std::fs::Permissions::from_mode(0o640))
                .unwrap();
        }
        let first = fixture.run(&["ssh-config", "--yes"]).ok();
        assert!(
            first.stderr.contains("+Include "),
            "what changes is shown: {first:#?}"
        );
        assert!(
            first.stdout.ends_with("now: ssh hello.nexus\n"),
            "{first:#?}"
        );
        let after = std::fs::read_to_string(users(&fixture)).unwrap();
        assert_eq!(
            after,
            format!("{}{}", include(&fixture), before.unwrap_or_default())
        );
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode(users(&fixture)),
            if before.is_some() { 0o640 } else { 0o600 }
        );
        assert_eq!(mode(fixture.home().join("ssh/config")), 0o600);
        let again = fixture.run(&["ssh-config", "--yes"]).ok();
        assert!(
            again.stderr.starts_with("nothing is to be changed"),
            "{again:#?}"
        );
        assert_eq!(std::fs::read_to_string(users(&fixture)).unwrap(), after);
        fixture.run(&["ssh-config", "--remove", "--yes"]).ok();
        let left = std::fs::read_to_string(users(&fixture)).ok();
        assert_eq!(left.as_deref(), before);
        assert!(!fixture.home().join("ssh").exists());
        fixture.run(&["ssh-config", "--remove", "--yes"]).ok();
    }
}

#[test]
fn looking_writes_nothing_and_nobody_is_asked_without_a_terminal() {
    let fixture = serving();
    let shown = fixture.run(&["ssh-config", "--diff"]).ok();
    assert!(
        shown
            .stdout
            .contains("+@cert-authority *.nexus ssh-ed25519 "),
        "{shown:#?}"
    );
    let plan: Value = serde_json::from_str(
        &fixture
            .run(&["ssh-config", "--dry-run", "-o", "json"])
            .ok()
            .stdout,
    )
    .unwrap();
    assert_eq!(plan["hosts"], json!(["hello.nexus"]));
    assert_eq!(plan["files"].as_array().unwrap().len(), 3);
    let ran = fixture.run(&["ssh-config"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert_eq!(ran.error()[2], "nexus ssh-config --yes");
    assert!(!users(&fixture).exists() && !fixture.home().join("ssh").exists());
}

#[test]
fn a_server_cannot_write_lines_of_its_own() {
    let mut smuggling = sample::workspace("running");
    smuggling["ssh"]["user"] = json!("dev\nProxyCommand id");
    let mut named = sample::workspace("running");
    named["name"] = json!("x\n    ProxyCommand id");
    let keys = [
        "ssh-ed25519 AAAA\n* ssh-ed25519 BBBB",
        "@revoked * ssh-ed25519 AAAA",
        "",
        "ssh-ed25519",
    ];
    let with_key = |key: &str| {
        let mut authority = authority();
        authority["host_authority"] = json!(key);
        serving_workspaces(vec![], authority)
    };
    let fixtures = [smuggling, named]
        .into_iter()
        .map(|workspace| serving_workspaces(vec![workspace], authority()))
        .chain(keys.iter().map(|key| with_key(key)));
    for (number, fixture) in fixtures.enumerate() {
        let ran = fixture.run(&["ssh-config", "--yes"]);
        assert_eq!(ran.code, 1, "{number} {ran:#?}");
        assert!(!users(&fixture).exists(), "{number}");
    }
}

/// What the stock client makes of the files for `host`.
fn understood(fixture: &Fixture, host: &str) -> String {
    let output = Command::new("ssh")
        .args(["-F", users(fixture).to_str().unwrap(), "-G", host])
        .env("NEXUS_HOME", fixture.home())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_stock_client_reads_it_as_meant() {
    let fixture = serving();
    let mut command = fixture.command(&["ssh-config", "--yes", "--multiplex"]);
    assert!(command.output().unwrap().status.success());
    let read = understood(&fixture, "hello.nexus");
    let home = fixture.home().display().to_string();
    for line in [
        "user dev".to_owned(),
        format!("userknownhostsfile {home}/ssh/known_hosts"),
        "stricthostkeychecking true".into(),
        format!(
            "proxycommand env NEXUS_HOME='{home}' '{}' ssh --fdpass '%h'",
            env!("CARGO_BIN_EXE_nexus")
        ),
        "proxyusefdpass yes".into(),
        format!("controlpath {home}/ssh/"),
    ] {
        assert!(read.contains(&line), "{line}\n{read}");
    }
    for other in [
        "example.com",
        "a'$(id)'.nexus",
        "nexus",
        "hello.nexus.example.com",
    ] {
        let read = understood(&fixture, other);
        assert!(!read.contains("--fdpass"), "{other}\n{read}");
    }
}
