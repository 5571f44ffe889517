//! `workspace exec`: streams apart, exit codes through, argument lists untouched.

use serde_json::{Value, json};

use crate::fixture::{Asked, End, Fixture, Reply};
use crate::sample;

fn answering(frames: Vec<Value>) -> Fixture {
    Fixture::new(move |asked: &Asked| match asked.path() {
        "/api/v1/workspaces/hello/exec" => Reply::lines(&frames),
        _ => sample::not_found(),
    })
}

#[test]
fn both_streams_and_the_code_come_through_byte_for_byte() {
    let fixture = answering(vec![
        json!({"stdout": "b3V0G1sybQ=="}),
        json!({"stderr": "ZXJyCg=="}),
        json!({"exit": {"code": 3}}),
    ]);
    let ran = fixture.run(&[
        "workspace",
        "exec",
        "hello",
        "--env",
        "A=1",
        "--cwd",
        "/tmp",
        "--",
        "sh",
        "-c",
        "a b; $X",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (3, "out\u{1b}[2m", "err\n")
    );
    let asked = fixture.asked_for("POST", "/api/v1/workspaces/hello/exec");
    assert_eq!(asked.body["argv"], json!(["sh", "-c", "a b; $X"]));
    assert_eq!(asked.body["env"], json!({"A": "1"}));
    assert_eq!(asked.body["cwd"], "/tmp");
    assert_eq!(asked.body.get("stdin"), None, "the server takes no null");
}

#[test]
fn a_signal_is_what_a_shell_makes_of_it() {
    let fixture = answering(vec![json!({"exit": {"signal": 9}})]);
    assert_eq!(
        fixture.run(&["workspace", "exec", "hello", "--", "x"]).code,
        137
    );
}

#[test]
fn standard_input_is_passed_on_only_when_asked() {
    let fixture = answering(vec![json!({"exit": {"code": 0}})]);
    let run = |arguments: &[&str]| {
        let input = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(input.path(), "hi\n").unwrap();
        let mut command = fixture.command(arguments);
        command.stdin(input.reopen().unwrap());
        assert!(command.output().unwrap().status.success());
        fixture.asked().last().unwrap().body["stdin"].clone()
    };
    assert_eq!(
        run(&["workspace", "exec", "hello", "--", "cat"]),
        Value::Null
    );
    assert_eq!(
        run(&["workspace", "exec", "-i", "hello", "--", "cat"]),
        "aGkK"
    );
}

#[test]
fn an_end_that_is_none_is_an_error_and_never_success() {
    let cut = Fixture::new(|_| Reply::lines(&[json!({"stdout": "aGk="})]).ending(End::Cut));
    let silent = answering(vec![json!({"stdout": "aGk="})]);
    for fixture in [cut, silent] {
        let ran = fixture.run(&["workspace", "exec", "hello", "--", "x"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (7, "hi"), "{ran:#?}");
    }
}

#[test]
fn a_problem_in_the_middle_is_told() {
    let problem: Value = serde_json::from_slice(
        &sample::problem(
            409,
            "NOT_RUNNING",
            "it is stopped",
            "nexus workspace start hello",
        )
        .body,
    )
    .unwrap();
    let ran =
        answering(vec![json!({"error": problem})]).run(&["workspace", "exec", "hello", "--", "x"]);
    assert_eq!(ran.code, 6);
    assert_eq!(ran.error()[2], "nexus workspace start hello");
}
