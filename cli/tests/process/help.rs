//! What the program says of itself.

use std::os::unix::process::CommandExt as _;

use crate::fixture::{Fixture, Ran};

fn help(arguments: &[&str]) -> String {
    Fixture::without_server().run(arguments).ok().stdout
}

#[test]
fn the_tree_is_what_was_meant() {
    insta::assert_snapshot!("nexus", help(&["--help"]));
    insta::assert_snapshot!("workspace", help(&["workspace", "--help"]));
    insta::assert_snapshot!("create", help(&["workspace", "create", "--help"]));
    insta::assert_snapshot!("events_tail", help(&["events", "tail", "--help"]));
    insta::assert_snapshot!("why", help(&["why", "--help"]));
    insta::assert_snapshot!("replay", help(&["replay", "--help"]));
    insta::assert_snapshot!("audit_verify", help(&["audit", "verify", "--help"]));
    insta::assert_snapshot!("exit_codes", help(&["help", "exit-codes"]));
}

#[test]
fn under_its_second_name_it_takes_the_verbs_of_ws() {
    let fixture = Fixture::without_server();
    let mut command = fixture.command(&["--help"]);
    let ran = Ran::from(command.arg0("/usr/local/bin/ws").output().unwrap()).ok();
    insta::assert_snapshot!("ws", ran.stdout);
}

#[test]
fn wrong_words_exit_with_two_and_name_the_right_ones() {
    let fixture = Fixture::without_server();
    let ran = fixture.run(&["workspace", "lst"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("list"), "{ran:#?}");
    assert_eq!(fixture.run(&[]).code, 2);
    assert_eq!(fixture.run(&["workspace", "exec", "hello"]).code, 2);
}

#[test]
fn completion_scripts_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = help(&["completion", shell]);
        assert!(
            script.contains("nexus") && script.contains("workspace"),
            "{shell}"
        );
    }
    // As a file: it is longer than an argument may be.
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), help(&["completion", "bash"])).unwrap();
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(script.path())
        .status();
    assert!(checked.unwrap().success(), "bash reads its script");
}

#[test]
fn manual_pages_are_one_for_each_command() {
    let fixture = Fixture::without_server();
    assert!(help(&["man"]).contains(".TH nexus 1"));
    let folder = fixture.user_home().join("man");
    fixture
        .run(&["man", "--dir", folder.to_str().unwrap()])
        .ok();
    for page in ["nexus.1", "nexus-workspace-create.1", "nexus-events-tail.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
}
