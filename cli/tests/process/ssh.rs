//! `workspace ssh`: the stock client, pinned; stopped workspaces wake up.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample::{self, HOST_KEY, WORKSPACE};

fn with_workspace(workspace: serde_json::Value) -> Fixture {
    let fixture = Fixture::new(move |asked: &Asked| match asked.path() {
        "/api/v1/ssh/certificates" => sample::not_found(),
        _ => Reply::json(&workspace),
    });
    fixture.program("ssh", r#"printf '%s\n' "$@"; exit 42"#);
    fixture
}

#[test]
fn the_client_gets_port_user_and_key_and_its_code_is_ours() {
    let fixture = with_workspace(sample::workspace("running"));
    let key = fixture.registered_key();
    let ran = fixture.run(&["workspace", "ssh", "hello", "-A", "--", "uname", "-a"]);
    assert_eq!(ran.code, 42, "{ran:#?}");
    assert_eq!(ran.stderr, "", "into one's own no certificate is needed");
    let known_hosts = fixture.home().join("session/known_hosts");
    let expected = [
        "-p",
        "2222",
        "-o",
        &format!("UserKnownHostsFile={}", known_hosts.display()),
        "-o",
        &format!("HostKeyAlias={WORKSPACE}"),
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        &format!("IdentityFile={}", key.display()),
        "-A",
        "--",
        "dev@127.0.0.1",
        "uname",
        "-a",
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        std::fs::read_to_string(known_hosts).unwrap(),
        format!("{WORKSPACE},[127.0.0.1]:2222 {HOST_KEY}\n")
    );
}

#[test]
fn a_server_cannot_smuggle_options_or_keys_in() {
    for (field, value) in [
        ("user", json!("-oProxyCommand=id")),
        ("host", json!("-oProxyCommand=id")),
        ("host", json!("a b")),
        ("host_key", json!("ssh-ed25519 AAAA\n* ssh-ed25519 BBBB")),
    ] {
        let mut workspace = sample::workspace("running");
        workspace["ssh"][field] = value;
        let fixture = with_workspace(workspace);
        let ran = fixture.run(&["workspace", "ssh", "hello"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{field} {ran:#?}");
        assert!(
            !fixture.home().join("session/known_hosts").exists(),
            "{field}"
        );
    }
}

#[test]
fn without_a_host_key_there_is_no_connection() {
    let mut workspace = sample::workspace("running");
    workspace["ssh"]["host_key"] = json!(null);
    let ran = with_workspace(workspace).run(&["workspace", "ssh", "hello"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert_eq!(ran.error()[2], "nexus workspace status hello");
}

#[test]
fn without_a_certificate_the_keys_of_the_client_are_tried_and_what_to_do_is_said() {
    let mut workspace = sample::workspace("running");
    workspace["owner_login"] = json!("joe");
    let fixture = with_workspace(workspace);
    fixture.registered_key();
    let ran = fixture.run(&["workspace", "ssh", "hello"]);
    assert_eq!(ran.code, 42, "{ran:#?}");
    let said = ran.stderr.lines().last().unwrap();
    assert!(said.starts_with("no certificate: "), "{ran:#?}");
    // What the server advises comes last.
    assert!(said.contains("; if ssh is refused: look again"), "{ran:#?}");
}

#[test]
fn a_stopped_workspace_is_started_first_and_that_is_said() {
    let started = AtomicBool::new(false);
    let fixture = Fixture::new(move |asked| match (asked.method.as_str(), asked.path()) {
        ("POST", path) if path.ends_with("/start") => {
            started.store(true, Ordering::SeqCst);
            Reply::json(&sample::accepted()).with_status(202)
        }
        ("GET", path) if path.starts_with("/api/v1/operations/") => {
            Reply::json(&sample::operation("succeeded"))
        }
        _ => {
            let phase = if started.load(Ordering::SeqCst) {
                "running"
            } else {
                "stopped"
            };
            Reply::json(&sample::workspace(phase))
        }
    });
    fixture.program("ssh", "echo connected");
    fixture.registered_key();
    let ran = fixture.run(&["workspace", "ssh", "hello"]).ok();
    assert_eq!(ran.stdout, "connected\n");
    assert_eq!(ran.stderr, "workspace hello is stopped: starting it\n");
}

#[test]
fn ws_shell_is_the_same_in_fewer_words() {
    use std::os::unix::process::CommandExt as _;

    let fixture = with_workspace(sample::workspace("running"));
    let mut command = fixture.command(&["shell", "hello", "-c", "ls -l"]);
    let ran: crate::fixture::Ran = command.arg0("ws").output().unwrap().into();
    assert_eq!(ran.code, 42, "{ran:#?}");
    assert!(
        ran.stdout.ends_with("--\ndev@127.0.0.1\nls -l\n"),
        "{ran:#?}"
    );
}
