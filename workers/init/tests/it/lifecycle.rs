//! Start and end of init itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nexus_init_protocol::TerminalSpec;

use crate::harness::{Init, in_time, service};

#[tokio::test]
async fn stop_ends_everything_and_init_exits_with_0() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    let polite = init.path("polite");
    let line = format!(
        "trap 'echo bye > {}; exit 0' TERM; while true; do sleep 0.01; done",
        polite.display()
    );
    plan.services = vec![
        service("polite", &line),
        service("stubborn", "trap '' TERM; while true; do sleep 0.01; done"),
    ];
    init.set_up(&plan).await;
    let shell = TerminalSpec {
        argv: vec!["/bin/sh".to_owned()],
        ..TerminalSpec::default()
    };
    let _terminal = init.client.terminal(&shell).await.unwrap();
    let orphan = init
        .run(&["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"])
        .await;
    let orphan: i32 = String::from_utf8(orphan.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let processes: Vec<u32> = init
        .client
        .status()
        .await
        .unwrap()
        .services
        .iter()
        .filter_map(|s| s.process_id)
        .collect();
    assert_eq!(processes.len(), 2);
    let (_kept, code) = init.stop(Duration::from_millis(300)).await;
    assert_eq!(code, Some(0));
    assert_eq!(std::fs::read_to_string(polite).unwrap(), "bye\n");
    for process in processes.into_iter().map(|id| id as i32).chain([orphan]) {
        let pid = rustix::process::Pid::from_raw(process).unwrap();
        assert!(
            rustix::process::test_kill_process(pid).is_err(),
            "{process} is left"
        );
    }
}

#[tokio::test]
async fn term_is_a_graceful_stop() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![service("sleeper", "exec sleep 1000")];
    init.set_up(&plan).await;
    assert_eq!(in_time(init.terminate()).await, Some(0));
}

#[tokio::test]
async fn orphans_are_reaped() {
    let init = Init::start().await;
    let output = init
        .run(&["sh", "-c", "cat /proc/$PPID/stat; sleep 0.01 & exec true"])
        .await;
    let stat = String::from_utf8(output.stdout).unwrap();
    let init_pid = stat.split(' ').next().unwrap().to_owned();
    in_time(async {
        loop {
            let children = format!("/proc/{init_pid}/task/{init_pid}/children");
            let Ok(list) = std::fs::read_to_string(&children) else {
                println!("SKIPPED looking for zombies: this kernel does not list children");
                return;
            };
            if list.trim().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn strangers_are_answered_or_let_go() {
    let init = Init::start().await;
    let socket = init.path("run/init.sock");
    let say = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _reset_by_init = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let frame = |text: &str| {
        let mut bytes = vec![1];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    assert_eq!(say(b"GET / HTTP/1.1\r\n\r\n"), "");
    assert_eq!(say(&[1, 0xff, 0xff, 0xff, 0xff]), "");
    assert_eq!(say(&frame("{}")), "");
    let refused = say(&frame(r#"{"lowest":900,"highest":901}"#));
    assert!(
        refused.contains(r#""hello":"refused","lowest":1"#),
        "{refused:?}"
    );
    let mut unknown = frame(r#"{"lowest":1,"highest":1}"#);
    unknown.extend(frame(r#"{"request":"dance"}"#));
    let failed = say(&unknown);
    assert!(
        failed.contains(r#""code":"invalid""#) && failed.contains("dance"),
        "{failed:?}"
    );
    init.client.status().await.unwrap();
}
