//! Terminal sessions: kept, found again, watched by several.

use nexus_init_protocol::client::{TerminalEvent, TerminalStream};
use nexus_init_protocol::terminal::SCROLLBACK_BYTES;
use nexus_init_protocol::{
    ExitOutcome, FailureCode, SessionId, Signal, TerminalSize, TerminalSpec,
};

use crate::harness::{Init, in_time};

fn shell(session: &str) -> TerminalSpec {
    TerminalSpec {
        session: Some(SessionId::new(session).unwrap()),
        argv: vec!["/bin/sh".to_owned()],
        env: [("PS1".to_owned(), "$ ".to_owned())].into(),
        ..TerminalSpec::default()
    }
}

/// Reads until the text comes; everything read, and the offset after it.
async fn read_until(stream: &mut TerminalStream, wanted: &str) -> (String, u64) {
    let mut seen = Vec::new();
    loop {
        match in_time(stream.next()).await.unwrap() {
            TerminalEvent::Output { offset, bytes } => {
                seen.extend_from_slice(&bytes);
                let text = String::from_utf8_lossy(&seen);
                if text.contains(wanted) {
                    return (text.into_owned(), offset + bytes.len() as u64);
                }
            }
            TerminalEvent::Ended(outcome) => panic!("ended {outcome} before {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_outlives_its_viewer_and_is_found_at_the_offset() {
    let init = Init::start().await;
    let mut first = init.client.terminal(&shell("s")).await.unwrap();
    assert!(first.created());
    first.input().write(b"echo one-$((1+1))\n").await.unwrap();
    let (_, offset) = read_until(&mut first, "one-2").await;
    drop(first);
    let again = TerminalSpec {
        after: Some(offset),
        ..shell("s")
    };
    let mut second = init.client.terminal(&again).await.unwrap();
    assert!(!second.created());
    assert_eq!(second.from(), offset);
    second.input().write(b"echo two-$((2+2))\n").await.unwrap();
    let (text, _) = read_until(&mut second, "two-4").await;
    assert!(!text.contains("one-2"), "nothing is shown twice: {text:?}");
    let mut third = init.client.terminal(&shell("s")).await.unwrap();
    let (text, _) = read_until(&mut third, "two-4").await;
    assert!(text.contains("one-2"), "a new viewer sees all that is kept");
    assert_eq!(init.client.status().await.unwrap().sessions[0].viewers, 2);
}

#[tokio::test]
async fn size_signals_and_exit_reach_the_right_side() {
    let init = Init::start().await;
    let size = TerminalSize {
        columns: 100,
        rows: 30,
    };
    let spec = TerminalSpec { size, ..shell("s") };
    let mut terminal = init.client.terminal(&spec).await.unwrap();
    terminal.input().write(b"stty size; tty\n").await.unwrap();
    let (text, _) = read_until(&mut terminal, "/dev/pts/").await;
    assert!(text.contains("30 100"), "{text:?}");
    let size = TerminalSize {
        columns: 61,
        rows: 22,
    };
    terminal.input().resize(size).await.unwrap();
    terminal.input().write(b"stty size\n").await.unwrap();
    read_until(&mut terminal, "22 61").await;
    let line = b"sh -c 'echo up; exec cat'\n";
    terminal.input().write(line).await.unwrap();
    read_until(&mut terminal, "up\r\n").await;
    terminal.input().write(b"\x03").await.unwrap();
    // What is typed before the shell is back may be thrown away with the rest of the line.
    read_until(&mut terminal, "$ ").await;
    terminal.input().write(b"echo after-$?\n").await.unwrap();
    read_until(&mut terminal, "after-130").await;
    terminal.input().write(b"exit 5\n").await.unwrap();
    let outcome = loop {
        if let TerminalEvent::Ended(outcome) = in_time(terminal.next()).await.unwrap() {
            break outcome;
        }
    };
    assert_eq!(outcome, ExitOutcome::Exited { code: 5 });
    let mut late = init.client.terminal(&shell("s")).await.unwrap();
    read_until(&mut late, "after-130").await;
}

#[tokio::test]
async fn a_flood_is_bounded_and_no_byte_is_lost_to_a_viewer_that_reads() {
    let init = Init::start().await;
    let spec = TerminalSpec {
        argv: ["sh", "-c", "stty -opost; seq 1 400000; echo the-end"]
            .map(str::to_owned)
            .into(),
        ..TerminalSpec::default()
    };
    let mut terminal = init.client.terminal(&spec).await.unwrap();
    let mut seen = Vec::new();
    while let TerminalEvent::Output { offset, bytes } = in_time(terminal.next()).await.unwrap() {
        assert_eq!(offset, seen.len() as u64, "no gap");
        seen.extend_from_slice(&bytes);
    }
    let expected: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(seen == (expected + "the-end\n").into_bytes());
    let state = init.client.status().await.unwrap().sessions.remove(0);
    assert_eq!(
        state.end_offset - state.first_offset,
        SCROLLBACK_BYTES as u64
    );
}

#[tokio::test]
async fn sessions_are_closed_and_missing_ones_are_told() {
    let init = Init::start().await;
    let mut terminal = init.client.terminal(&shell("s")).await.unwrap();
    read_until(&mut terminal, "$ ").await;
    let id = terminal.session().clone();
    init.client.close_terminal(&id).await.unwrap();
    let outcome = loop {
        if let TerminalEvent::Ended(outcome) = in_time(terminal.next()).await.unwrap() {
            break outcome;
        }
    };
    assert_eq!(outcome, ExitOutcome::Signalled { signal: 1 });
    // Its id is free again, also for one who closes a session that has ended by itself.
    in_time(async { while !init.client.terminal(&shell("s")).await.unwrap().created() {} }).await;
    let mut ended = init.client.terminal(&shell("s")).await.unwrap();
    ended.input().write(b"exit\n").await.unwrap();
    while !matches!(
        in_time(ended.next()).await.unwrap(),
        TerminalEvent::Ended(_)
    ) {}
    init.client.close_terminal(&id).await.unwrap();
    assert!(init.client.status().await.unwrap().sessions.is_empty());
    let other = SessionId::new("other").unwrap();
    let error = init.client.close_terminal(&other).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::NotFound);
    let attach = TerminalSpec {
        attach_only: true,
        ..shell("other")
    };
    let error = init.client.terminal(&attach).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::NotFound);
    let missing = TerminalSpec {
        argv: vec!["/no/such/program".to_owned()],
        ..TerminalSpec::default()
    };
    let error = init.client.terminal(&missing).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::Invalid);
}

#[tokio::test]
async fn a_signal_goes_to_the_foreground_group() {
    let init = Init::start().await;
    let mut terminal = init.client.terminal(&shell("s")).await.unwrap();
    terminal
        .input()
        .write(b"echo up; sleep 1000; echo code-$?\n")
        .await
        .unwrap();
    read_until(&mut terminal, "up\r\n").await;
    // The shell may not have made the sleeper its foreground yet; it survives TERM when interactive.
    let ended = in_time(async {
        loop {
            terminal.input().signal(Signal::Term).await.unwrap();
            let next = tokio::time::timeout(std::time::Duration::from_millis(50), terminal.next());
            if let Ok(Ok(TerminalEvent::Output { bytes, .. })) = next.await
                && String::from_utf8_lossy(&bytes).contains("code-143")
            {
                return true;
            }
        }
    });
    assert!(ended.await);
}
