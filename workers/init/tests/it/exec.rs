//! Executions: what comes out, how they end, and that a claimed one runs once.

use nexus_init_protocol::client::ExecEvent;
use nexus_init_protocol::exec::ExecOffsets;
use nexus_init_protocol::{ExecId, ExecSpec, ExitOutcome, FailureCode, Signal};

use crate::harness::{Init, in_time};

fn shell(line: &str) -> ExecSpec {
    ExecSpec::new(["sh", "-c", line])
}

#[tokio::test]
async fn both_streams_and_the_exit_code_come_back() {
    let init = Init::start().await;
    let output = init
        .run(&["sh", "-c", "echo out; echo err >&2; exit 7"])
        .await;
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    assert_eq!(output.outcome, ExitOutcome::Exited { code: 7 });
}

#[tokio::test]
async fn a_command_that_cannot_start_says_so_like_a_shell() {
    let init = Init::start().await;
    let missing = init.run(&["no-such-program"]).await.outcome;
    assert_eq!(missing.shell_code(), 127);
    let not_executable = init.run(&["/etc/passwd"]).await.outcome;
    assert_eq!(not_executable.shell_code(), 126);
    let killed = init.run(&["sh", "-c", "kill -9 $$"]).await.outcome;
    assert_eq!(killed, ExitOutcome::Signalled { signal: 9 });
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let init = Init::start().await;
    let mut unknown_user = ExecSpec::new(["true"]);
    unknown_user.user = Some("no-such-user".to_owned());
    let mut bad_env = ExecSpec::new(["true"]);
    bad_env.env.insert("A=B".to_owned(), "x".to_owned());
    let table = [
        (ExecSpec::new(Vec::<String>::new()), FailureCode::Invalid),
        (ExecSpec::new([""]), FailureCode::Invalid),
        (ExecSpec::new(["a\0b"]), FailureCode::Invalid),
        (bad_env, FailureCode::Invalid),
        (unknown_user, FailureCode::NotFound),
    ];
    for (spec, code) in table {
        let error = init.client.exec(&spec).await.unwrap_err();
        assert_eq!(error.failure().unwrap().code, code, "{spec:?}");
    }
}

#[tokio::test]
async fn input_signals_and_time_limits_reach_the_command() {
    let init = Init::start().await;
    let cat = init.client.exec(&ExecSpec::new(["cat"])).await.unwrap();
    let (mut input, mut events) = cat.split();
    let big = vec![b'x'; 3 << 20];
    let writing = tokio::spawn(async move {
        input.write(&big).await.unwrap();
        input.end().await.unwrap();
    });
    let mut length = 0;
    let outcome = loop {
        match in_time(events.next()).await.unwrap() {
            ExecEvent::Output { bytes, .. } => length += bytes.len(),
            ExecEvent::Ended(outcome) => break outcome,
        }
    };
    writing.await.unwrap();
    assert_eq!(
        (length, outcome),
        (3 << 20, ExitOutcome::Exited { code: 0 })
    );

    let mut sleeper = init.client.exec(&shell("sleep 1000")).await.unwrap();
    sleeper.input().signal(Signal::Term).await.unwrap();
    let ended = in_time(sleeper.next()).await.unwrap();
    assert_eq!(
        ended,
        ExecEvent::Ended(ExitOutcome::Signalled { signal: 15 })
    );

    let mut slow = shell("sleep 1000");
    slow.timeout_ms = Some(50);
    let output = in_time(init.client.exec_to_end(&slow, 100)).await.unwrap();
    assert_eq!(output.outcome, ExitOutcome::TimedOut);
}

#[tokio::test]
async fn a_direct_command_ends_with_its_connection() {
    let init = Init::start().await;
    let marker = init.path("marker");
    let line = format!(
        "trap 'exit 0' TERM; echo ready; sleep 1000; touch {}",
        marker.display()
    );
    let mut stream = init.client.exec(&shell(&line)).await.unwrap();
    in_time(stream.next()).await.unwrap();
    assert_eq!(init.client.status().await.unwrap().running_execs, 1);
    drop(stream);
    in_time(async {
        while init.client.status().await.unwrap().running_execs > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!marker.exists());
}

#[tokio::test]
async fn a_background_process_does_not_hold_the_command_open() {
    let init = Init::start().await;
    let output = init.run(&["sh", "-c", "sleep 1000 & echo started"]).await;
    assert_eq!(output.stdout, b"started\n");
    assert!(output.outcome.is_success());
}

#[tokio::test]
async fn a_claimed_command_runs_once_however_often_it_is_asked_for() {
    let init = Init::start().await;
    let counter = init.path("counter");
    let line = format!(
        "echo run >> {}; echo out; echo err >&2; exit 3",
        counter.display()
    );
    let spec = shell(&line).claimed(ExecId::new("op-1").unwrap());
    let requests = (0..8).map(|_| {
        let (client, spec) = (init.client.clone(), spec.clone());
        tokio::spawn(async move { client.exec_to_end(&spec, 1000).await.unwrap() })
    });
    for request in requests.collect::<Vec<_>>() {
        let output = in_time(request).await.unwrap();
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"err\n");
        assert_eq!(output.outcome, ExitOutcome::Exited { code: 3 });
    }
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "run\n");

    let mut rest = spec.clone();
    rest.after = ExecOffsets {
        stdout: 2,
        stderr: 4,
    };
    let output = in_time(init.client.exec_to_end(&rest, 1000)).await.unwrap();
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"t\n"[..], &b""[..])
    );

    let again = Init::start_in(init.kill().await).await;
    let output = in_time(again.client.exec_to_end(&spec, 1000))
        .await
        .unwrap();
    assert_eq!(
        output.outcome,
        ExitOutcome::Exited { code: 3 },
        "kept over a restart of init"
    );
    assert_eq!(
        std::fs::read_to_string(&counter).unwrap_or_default(),
        "run\n"
    );
}

#[tokio::test]
async fn a_claimed_command_outlives_its_connection_but_not_init() {
    let init = Init::start().await;
    let go = init.path("go");
    let line = format!(
        "echo a; while [ ! -e {} ]; do sleep 0.01; done; echo b",
        go.display()
    );
    let spec = shell(&line).claimed(ExecId::new("long").unwrap());
    let mut first = init.client.exec(&spec).await.unwrap();
    assert!(!first.attached());
    in_time(first.next()).await.unwrap();
    drop(first);
    let second = init.client.exec(&spec).await.unwrap();
    assert!(second.attached());
    std::fs::write(&go, "").unwrap();
    let output = in_time(second.collect(100)).await.unwrap();
    assert_eq!(output.stdout, b"a\nb\n");

    let spec = shell("echo a; sleep 1000").claimed(ExecId::new("lost").unwrap());
    let mut stream = init.client.exec(&spec).await.unwrap();
    in_time(stream.next()).await.unwrap();
    let group = stream.process_id().unwrap();
    let again = Init::start_in(init.kill().await).await;
    let output = in_time(again.client.exec_to_end(&spec, 100)).await.unwrap();
    assert_eq!(output.outcome, ExitOutcome::Lost);
    let pid = rustix::process::Pid::from_raw(group as i32).unwrap();
    let _gone_already = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
}
