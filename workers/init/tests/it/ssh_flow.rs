//! Bytes through SSH: many, on many channels, over new keys, through sockets, past a stuck one.

use std::process::Stdio;

use nexus_init_protocol::client::{TerminalEvent, TerminalStream};
use nexus_init_protocol::{TerminalSize, TerminalSpec};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::harness::in_time;
use crate::reached::{Reached, is_skipped, text};

/// One connection that carries the channels of other clients.
struct Shared<'a> {
    reached: &'a Reached,
    _master: Child,
}

impl<'a> Shared<'a> {
    async fn start(reached: &'a Reached, options: &[&str]) -> Self {
        let control = control(reached);
        let mut all = vec!["-M", "-S", &control];
        all.extend(options);
        let mut master = reached.ssh(&all, "root", &["echo up; exec cat"]);
        let master = master.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut master = master.spawn().unwrap();
        let mut lines = BufReader::new(master.stdout.take().unwrap()).lines();
        let line = in_time(lines.next_line()).await.unwrap();
        assert_eq!(line.as_deref(), Some("up"));
        Self {
            reached,
            _master: master,
        }
    }

    fn ssh(&self, remote: &[&str]) -> Command {
        let control = control(self.reached);
        self.reached.ssh(&["-S", &control], "root", remote)
    }
}

fn control(reached: &Reached) -> String {
    reached.init.path("c").display().to_string()
}

#[tokio::test]
async fn many_channels_share_one_connection() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let shared = Shared::start(&reached, &[]).await;
    for _round in 0..3 {
        let mut all = JoinSet::new();
        for number in 0..30 {
            let line = format!("echo {number}; exit {number}");
            let mut command = shared.ssh(&[&line]);
            command.stdin(Stdio::null());
            all.spawn(async move { (number, command.output().await.unwrap()) });
        }
        while let Some(done) = in_time(all.join_next()).await {
            let (number, output) = done.unwrap();
            assert_eq!(text(&output.stdout), format!("{number}\n"), "{output:?}");
            assert_eq!(output.status.code(), Some(number));
        }
    }
    let status = reached.init.client.status().await.unwrap();
    assert_eq!(status.ssh_connections, 1);
}

#[tokio::test]
async fn a_channel_nobody_reads_does_not_hold_up_the_others() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let shared = Shared::start(&reached, &[]).await;
    let mut stuck = shared.ssh(&["echo up; exec sleep 1000"]);
    let zero = std::fs::File::open("/dev/zero").unwrap();
    let stuck = stuck.stdin(zero).stdout(Stdio::piped());
    let mut stuck = stuck.spawn().unwrap();
    let mut lines = BufReader::new(stuck.stdout.take().unwrap()).lines();
    in_time(lines.next_line()).await.unwrap();
    for _each in 0..3 {
        let output = in_time(shared.ssh(&["echo in"]).stdin(Stdio::null()).output()).await;
        assert_eq!(text(&output.unwrap().stdout), "in\n");
    }
    stuck.kill().await.unwrap();
}

#[tokio::test]
async fn a_program_that_reads_late_gets_all_of_it_while_others_go_on() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let shared = Shared::start(&reached, &[]).await;
    // More than waits in memory; it is read once another channel says so.
    let sent: Vec<u8> = (0..24_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let go = reached.init.path("go");
    let script = format!(
        "echo up; until [ -e {0} ]; do sleep 0.05; done; exec sha256sum",
        go.display()
    );
    let mut late = shared.ssh(&[&script]);
    let late = late.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut late = late.spawn().unwrap();
    let mut lines = BufReader::new(late.stdout.take().unwrap()).lines();
    in_time(lines.next_line()).await.unwrap();
    let mut stdin = late.stdin.take().unwrap();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move { stdin.write_all(&to_send).await.unwrap() });
    in_time(sending).await.unwrap();
    // This one comes after all of it, and is answered before any of it was read.
    let touch = format!("touch {}", go.display());
    let output = in_time(shared.ssh(&[&touch]).stdin(Stdio::null()).output()).await;
    assert!(output.unwrap().status.success());
    let line = in_time(lines.next_line()).await.unwrap().unwrap();
    let mut sum = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = sum.stdin.take().unwrap();
    stdin.write_all(&sent).await.unwrap();
    drop(stdin);
    let expected = sum.wait_with_output().await.unwrap();
    assert_eq!(line, text(&expected.stdout).trim_end());
}

#[tokio::test]
async fn large_streams_go_both_ways_unharmed() {
    if is_skipped() {
        return;
    }
    const SIZE: &str = "134217728";
    let reached = Reached::start().await;
    // Every block differs: what is lost, doubled or swapped changes the sum.
    let source = format!("seq -w 0 999999999 | head -c {SIZE}");
    let sum = |line: String| {
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::null());
        command
    };
    let expected = sum(format!("{source} | sha256sum")).output();
    let expected = text(&expected.await.unwrap().stdout);
    let mut down = reached.ssh(&[], "root", &[&source]);
    let mut down = down
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout: Stdio = down.stdout.take().unwrap().try_into().unwrap();
    let seen = Command::new("sha256sum").stdin(stdout).output();
    assert_eq!(text(&seen.await.unwrap().stdout), expected, "down");
    assert!(down.wait().await.unwrap().success());

    let mut from = sum(source).stdout(Stdio::piped()).spawn().unwrap();
    let stdin: Stdio = from.stdout.take().unwrap().try_into().unwrap();
    let mut up = reached.ssh(&[], "root", &["sha256sum"]);
    let seen = up.stdin(stdin).output();
    assert_eq!(text(&seen.await.unwrap().stdout), expected, "up");
    from.wait().await.unwrap();
}

#[tokio::test]
async fn new_keys_are_agreed_on_under_load() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let sent: Vec<u8> = (0..24_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let mut cat = reached.ssh(&["-o", "RekeyLimit=1M"], "root", &["cat"]);
    let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut cat = cat.spawn().unwrap();
    let mut stdin = cat.stdin.take().unwrap();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move { stdin.write_all(&to_send).await.unwrap() });
    let output = in_time(cat.wait_with_output()).await.unwrap();
    sending.await.unwrap();
    assert!(output.status.success());
    assert!(
        output.stdout == sent,
        "{} bytes came back",
        output.stdout.len()
    );
}

#[tokio::test]
async fn unix_sockets_are_forwarded_both_ways() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let path = |name: &str| reached.init.path(name).display().to_string();
    let (inside, here) = (path("inside"), path("here"));
    let listener = UnixListener::bind(&inside).unwrap();
    let answering = tokio::spawn(async move {
        for _each in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            stream
                .write_all(text.to_uppercase().as_bytes())
                .await
                .unwrap();
        }
    });
    let there = path("there");
    let local = format!("{here}:{inside}");
    let remote = format!("{there}:{inside}");
    let options = [
        "-L",
        &local,
        "-R",
        &remote,
        "-o",
        "ExitOnForwardFailure=yes",
    ];
    let _shared = Shared::start(&reached, &options).await;
    for socket in [here, there] {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        in_time(stream.read_to_string(&mut answer)).await.unwrap();
        assert_eq!(answer, "HELLO", "{socket}");
    }
    answering.await.unwrap();
}

#[tokio::test]
async fn a_terminal_inside_follows_the_size_of_the_one_outside() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let ssh = reached.ssh(&["-tt"], "root", &["stty size; exec sh"]);
    let words = ssh.as_std().get_args();
    let words = words.map(|word| word.to_str().unwrap().to_owned());
    // The client itself needs a terminal whose size can change: one of init's own.
    let spec = TerminalSpec {
        argv: std::iter::once("ssh".to_owned()).chain(words).collect(),
        ..TerminalSpec::default()
    };
    let mut outside = reached.init.client.terminal(&spec).await.unwrap();
    shows(&mut outside, "24 80").await;
    let size = TerminalSize {
        columns: 117,
        rows: 41,
    };
    outside.input().resize(size).await.unwrap();
    // The shell is told in its own time, so it is asked until it knows.
    let ask = b"while [ \"$(stty size)\" != '41 117' ]; do :; done; echo is-$((40+1))\n";
    outside.input().write(ask).await.unwrap();
    shows(&mut outside, "is-41").await;
}

async fn shows(terminal: &mut TerminalStream, wanted: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        match in_time(terminal.next()).await.unwrap() {
            TerminalEvent::Output { bytes, .. } => seen.extend_from_slice(&bytes),
            TerminalEvent::Ended(outcome) => panic!("{outcome}: {}", text(&seen)),
        }
    }
}
