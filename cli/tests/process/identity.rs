//! Who registers, with which key.

use serde_json::json;

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample;

fn registering() -> Fixture {
    Fixture::new(|asked: &Asked| match asked.path() {
        "/api/v1/users/register" => Reply::json(&json!({
            "user_id": "user-00000000000000000000000000000002",
            "registered_at": "2026-11-21T04:00:00Z", "workspaces": []
        })),
        _ => sample::not_found(),
    })
}

fn registration(fixture: &Fixture) -> serde_json::Value {
    fixture.asked_for("POST", "/api/v1/users/register").body
}

const NO_GH: &str = "exit 4";

#[test]
fn gh_knows_best() {
    let fixture = registering();
    fixture.program(
        "gh",
        r#"[ "$GH_PROMPT_DISABLED" = 1 ] && echo '{"login": "octocat", "id": 583231}'"#,
    );
    let ran = fixture.run(&["user", "register"]).ok();
    assert!(
        ran.stderr.contains("you are octocat on GitHub, says gh"),
        "{ran:#?}"
    );
    let body = registration(&fixture);
    assert_eq!(
        (&body["github_username"], &body["github_id"]),
        (&json!("octocat"), &json!(583231))
    );
}

#[test]
fn without_gh_the_local_user_gets_a_number_that_stays() {
    let fixture = registering();
    fixture.program("gh", NO_GH);
    fixture.run(&["user", "register"]).ok();
    let first = registration(&fixture);
    assert_eq!(first["github_username"], "jane");
    assert!(first["github_id"].as_u64().unwrap() >= 1 << 52);
    std::fs::remove_dir_all(fixture.home().join("session")).unwrap();
    fixture.run(&["user", "register"]).ok();
    assert_eq!(fixture.asked().last().unwrap().body, first);
}

#[test]
fn a_key_is_made_once_after_saying_so_and_its_fingerprint_is_right() {
    let fixture = registering();
    fixture.program("gh", NO_GH);
    let ran = fixture.run(&["user", "register"]).ok();
    assert!(
        ran.stderr.contains("making") && ran.stderr.contains("id_ed25519_nexus"),
        "{ran:#?}"
    );
    let key = fixture.user_home().join(".ssh/id_ed25519_nexus.pub");
    let shown = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&key)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let body = registration(&fixture);
    let sent = body["ssh_pubkey_fingerprint"].as_str().unwrap();
    assert!(shown.contains(&format!(" {sent} ")), "{shown} {sent}");
    assert_eq!(
        std::fs::read_to_string(&key).unwrap().trim(),
        body["ssh_pubkey"]
    );
    let again = fixture.run(&["user", "register"]).ok();
    assert!(!again.stderr.contains("making"), "{again:#?}");
}

#[test]
fn the_persons_own_key_comes_first() {
    let fixture = registering();
    fixture.program("gh", NO_GH);
    let line = format!("{} jane@box", sample::HOST_KEY);
    std::fs::write(
        fixture.user_home().join(".ssh/id_ed25519.pub"),
        format!("{line}\n"),
    )
    .unwrap();
    fixture.run(&["user", "register"]).ok();
    assert_eq!(registration(&fixture)["ssh_pubkey"], line);
}

#[test]
fn a_private_key_is_never_sent() {
    let fixture = registering();
    fixture.program("gh", NO_GH);
    let path = fixture.user_home().join("private");
    std::fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n").unwrap();
    let ran = fixture.run(&["user", "register", "--key", path.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(fixture.asked().is_empty());
}
