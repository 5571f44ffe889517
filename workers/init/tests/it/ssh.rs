//! The stock OpenSSH client against init's own SSH server.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::harness::{free_port, in_time};
use crate::reached::{Reached, is_skipped, make_key, make_key_of, text};

#[tokio::test]
async fn commands_have_their_streams_and_their_exit_code() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let output = reached.run(&["echo out; echo err >&2; exit 42"]).await;
    assert_eq!(output.status.code(), Some(42), "{}", text(&output.stderr));
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        ("out\n".into(), "err\n".into())
    );
    let output = reached.run(&["kill -TERM $$"]).await;
    assert_eq!(output.status.code(), Some(255), "a signal is told as one");
    // What goes on in the background is waited for as long as it holds the output, as OpenSSH does.
    let late = "(while [ -d /proc/$$ ]; do :; done; sleep 0.5; echo late) & echo early";
    let output = reached.run(&[late]).await;
    assert_eq!(text(&output.stdout), "early\nlate\n");
    let output = reached.run(&["pwd; echo $HOME; echo $USER"]).await;
    assert_eq!(text(&output.stdout), "/root\n/root\nroot\n");

    let mut cat = reached.ssh(&[], "root", &["cat"]);
    let mut cat = cat
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sent: Vec<u8> = (0..5_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let mut stdin = cat.stdin.take().unwrap();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move { stdin.write_all(&to_send).await.unwrap() });
    let output = in_time(cat.wait_with_output()).await.unwrap();
    sending.await.unwrap();
    assert!(
        output.stdout == sent,
        "{} of {} bytes",
        output.stdout.len(),
        sent.len()
    );
    let status = reached.init.client.status().await.unwrap();
    assert!(
        status
            .activity
            .sources
            .iter()
            .any(|seen| seen.source.to_string() == "ssh")
    );
}

#[tokio::test]
async fn strangers_stay_outside() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let mut other_user = reached.ssh(&[], "daemon", &["true"]);
    let output = in_time(other_user.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("Permission denied (publickey)"));
    std::fs::remove_file(reached.init.path("key")).unwrap();
    make_key(&reached.init.path("key"));
    let output = reached.run(&["true"]).await;
    assert_eq!(output.status.code(), Some(255), "another key");
    let known = reached.init.path("known_hosts");
    let other = std::fs::read_to_string(reached.init.path("key.pub")).unwrap();
    std::fs::write(&known, format!("[127.0.0.1]:{} {other}", reached.port)).unwrap();
    let output = reached.run(&["true"]).await;
    assert!(text(&output.stderr).contains("Host key verification failed"));
}

#[tokio::test]
async fn an_rsa_key_lets_in_by_sha2_and_by_nothing_older() {
    if is_skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [sound, short] = ["2048", "1024"].map(|bits| {
        let path = folder.path().join(bits);
        let line = make_key_of(&["-t", "rsa", "-b", bits], &path);
        (path, line)
    });
    let lines = vec![sound.1, short.1];
    let reached = Reached::start_with(|plan| plan.authorized_keys = lines).await;
    for (key, signature, is_let_in) in [
        (&sound.0, "rsa-sha2-512", true),
        (&sound.0, "rsa-sha2-256", true),
        (&sound.0, "ssh-rsa", false),
        (&short.0, "rsa-sha2-512", false),
    ] {
        let options = [
            format!("-oIdentityFile={}", key.display()),
            format!("-oPubkeyAcceptedAlgorithms={signature}"),
        ];
        let options = options.each_ref().map(String::as_str);
        let mut ssh = reached.ssh(&options, "root", &["echo in"]);
        let output = in_time(ssh.output()).await.unwrap();
        let said = (text(&output.stdout), text(&output.stderr));
        let case = format!("{signature} by {}: {said:?}", key.display());
        match is_let_in {
            true => assert_eq!(said.0, "in\n", "{case}"),
            false => assert!(said.1.contains("Permission denied (publickey)"), "{case}"),
        }
    }
}

#[tokio::test]
async fn a_terminal_has_its_size_and_its_exit_code() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let remote = ["tty; stty size; echo $TERM; exit 3"];
    let mut command = reached.ssh(&["-tt"], "root", &remote);
    let output = command.env("TERM", "xterm").stdin(Stdio::null()).output();
    let output = in_time(output).await.unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(
        shown.contains("/dev/pts/") && shown.contains("xterm"),
        "{shown}"
    );
    let mut command = reached.ssh(&["-tt"], "root", &[]);
    let mut shell = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    stdin
        .write_all(b"echo in-$PWD-$((6*7)); exit 4\n")
        .await
        .unwrap();
    let output = in_time(shell.wait_with_output()).await.unwrap();
    let shown = text(&output.stdout);
    let place = reached.init.path("work").display().to_string();
    assert!(shown.contains(&format!("in-{place}-42")), "{shown}");
    assert_eq!(output.status.code(), Some(4));
}

#[tokio::test]
async fn ports_are_forwarded_both_ways() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let target = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target_port = target.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = target.accept().await.unwrap();
            let mut request = String::new();
            stream.read_to_string(&mut request).await.unwrap();
            stream
                .write_all(request.to_uppercase().as_bytes())
                .await
                .unwrap();
        }
    });
    let (local, remote) = (free_port(), free_port());
    let forwards = [
        format!("-L127.0.0.1:{local}:localhost:{target_port}"),
        format!("-R{remote}:127.0.0.1:{target_port}"),
    ];
    let options = [
        forwards[0].as_str(),
        forwards[1].as_str(),
        "-o",
        "ExitOnForwardFailure=yes",
    ];
    let mut command = reached.ssh(&options, "root", &["echo up; cat"]);
    let mut tunnel: Child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tunnel.stdout.take().unwrap()).lines();
    assert_eq!(
        in_time(lines.next_line()).await.unwrap().as_deref(),
        Some("up")
    );
    for port in [local, remote] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        in_time(stream.read_to_string(&mut answer)).await.unwrap();
        assert_eq!(answer, "HELLO", "port {port}");
    }
    answering.await.unwrap();
}

#[tokio::test]
async fn files_are_copied_by_scp_and_sftp() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let (here, there, back) = (
        reached.init.path("here"),
        reached.init.path("there"),
        reached.init.path("back"),
    );
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 13 % 251) as u8).collect();
    std::fs::write(&here, &content).unwrap();
    let port = reached.port.to_string();
    let remote = format!("root@127.0.0.1:{}", there.display());
    let copy = |from: String, to: String| {
        let mut command = reached.command("scp");
        command.args(["-q", "-P", &port]).arg(from).arg(to);
        command
    };
    let output = copy(here.display().to_string(), remote.clone())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(std::fs::read(&there).unwrap() == content);
    let output = copy(remote, back.display().to_string())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(std::fs::read(&back).unwrap() == content);

    let batch = reached.init.path("batch");
    let directory = reached.init.path("made");
    let at = directory.display();
    let lines = format!(
        "mkdir {at}\nput {} {at}/a\nrename {at}/a {at}/b\nchmod 600 {at}/b\nln -s b {at}/c\nls -l {at}\nget {at}/b {}\nrm {at}/c\nrm {at}/b\nrmdir {at}\n-get {at}/missing\n",
        here.display(),
        back.display()
    );
    std::fs::write(&batch, lines).unwrap();
    let mut command = reached.command("sftp");
    command
        .args(["-P", &port, "-b"])
        .arg(&batch)
        .arg("root@127.0.0.1");
    let output = in_time(command.output()).await.unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("-rw-------") && said.contains("missing"),
        "{said}"
    );
    assert!(!directory.exists());
}

#[tokio::test]
async fn the_agent_comes_along_only_when_the_plan_allows_it() {
    if is_skipped() {
        return;
    }
    for allowed in [false, true] {
        let reached = Reached::start_with(|plan| plan.allow_agent_forwarding = allowed).await;
        let socket = reached.init.path("agent");
        let mut agent = Command::new("ssh-agent");
        agent
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let _agent = agent.spawn().unwrap();
        in_time(async {
            while !socket.exists() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut add = Command::new("ssh-add");
        add.arg("-q")
            .arg(reached.init.path("key"))
            .env("SSH_AUTH_SOCK", &socket);
        assert!(add.status().await.unwrap().success());
        let mut command = reached.ssh(&["-A"], "root", &["ssh-add -l"]);
        let output = in_time(command.env("SSH_AUTH_SOCK", &socket).output())
            .await
            .unwrap();
        assert_eq!(
            text(&output.stdout).contains("ED25519"),
            allowed,
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn what_a_client_leaves_behind_is_ended() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let mut command = reached.ssh(&[], "root", &["echo $$; exec sleep 1000"]);
    let mut sleeper = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(sleeper.stdout.take().unwrap()).lines();
    let process: i32 = in_time(lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .parse()
        .unwrap();
    sleeper.kill().await.unwrap();
    let pid = rustix::process::Pid::from_raw(process).unwrap();
    in_time(async {
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
}
