//! Who may log in, told by a document: keys, certificates, and their end.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nexus_init_protocol::Access;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{Init, in_time};
use crate::reached::{Reached, is_skipped, make_key, text};

/// Signs a public key with an authority made on the way.
fn sign(authority: &Path, options: &[&str], public: &Path) {
    let mut command = std::process::Command::new("ssh-keygen");
    command.arg("-q").arg("-s").arg(authority);
    command.args(["-I", "somebody"]).args(options).arg(public);
    assert!(command.status().unwrap().success());
}

/// A certificate for `principals` over the key the client uses, in force with its authority.
async fn certified(reached: &Reached, principals: &str) -> Access {
    let authority = reached.init.path("authority");
    let line = match authority.exists() {
        true => std::fs::read_to_string(authority.with_extension("pub")).unwrap(),
        false => make_key(&authority),
    };
    let options = ["-n", principals, "-V", "-5m:+1h"];
    sign(&authority, &options, &reached.init.path("key.pub"));
    let access = Access {
        revision: 1,
        user_authorities: vec![line],
        principals: vec!["ws-1".to_owned()],
        ..Access::default()
    };
    reached.init.client.set_access(&access).await.unwrap();
    access
}

/// A command that says when it runs and then stays.
async fn stays(mut command: Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time(lines.next_line()).await.unwrap();
    assert_eq!(line.as_deref(), Some("up"));
    child
}

const STAY: [&str; 1] = ["echo up; exec sleep 1000"];

/// Changes the document and returns how long an open connection lived on.
async fn time_to_end(reached: &Reached, access: &Access, mut child: Child) -> Duration {
    let changed = Instant::now();
    reached.init.client.set_access(access).await.unwrap();
    let status = in_time(child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(255), "the connection was ended");
    changed.elapsed()
}

#[tokio::test]
async fn a_certificate_lets_in_until_its_key_is_withdrawn() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let mut access = certified(&reached, "ws-1,ws-2").await;
    let output = reached.run(&["echo in"]).await;
    assert_eq!(text(&output.stdout), "in\n", "{}", text(&output.stderr));
    let open = stays(reached.ssh(&[], "root", &STAY)).await;
    let fingerprint = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(reached.init.path("key.pub"))
        .output()
        .unwrap();
    let fingerprint = text(&fingerprint.stdout);
    access.revision = 2;
    access.refused_keys = vec![fingerprint.split(' ').nth(1).unwrap().to_owned()];
    let lived = time_to_end(&reached, &access, open).await;
    assert!(lived < Duration::from_secs(1), "{lived:?}");
    let output = reached.run(&["true"]).await;
    assert!(
        text(&output.stderr).contains("Permission denied"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_workspace_or_by_another_authority_is_refused() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    certified(&reached, "ws-2").await;
    let output = reached.run(&["true"]).await;
    assert!(
        text(&output.stderr).contains("Permission denied"),
        "{output:?}"
    );
    certified(&reached, "ws-1").await;
    assert!(reached.run(&["true"]).await.status.success());
    let stranger = reached.init.path("stranger");
    make_key(&stranger);
    let options = ["-n", "ws-1", "-V", "-5m:+1h"];
    sign(&stranger, &options, &reached.init.path("key.pub"));
    let output = reached.run(&["true"]).await;
    assert!(
        text(&output.stderr).contains("Permission denied"),
        "{output:?}"
    );
}

#[tokio::test]
async fn what_a_certificate_does_not_permit_is_refused() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    certified(&reached, "ws-1").await;
    let bare = ["-n", "ws-1", "-V", "-5m:+1h", "-O", "clear"];
    let authority = reached.init.path("authority");
    sign(&authority, &bare, &reached.init.path("key.pub"));
    let output = reached.run(&["echo in; tty"]).await;
    assert!(
        text(&output.stdout).contains("in\n"),
        "commands are permitted"
    );
    let mut terminal = reached.ssh(&["-tt"], "root", &["tty"]);
    let output = in_time(terminal.stdin(Stdio::null()).output())
        .await
        .unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("PTY allocation request failed"), "{said}");
    let target = format!("127.0.0.1:{}", reached.port);
    let mut forward = reached.ssh(&["-W", &target], "root", &[]);
    let output = in_time(forward.stdin(Stdio::null()).output())
        .await
        .unwrap();
    assert!(!output.status.success());
}

#[tokio::test]
async fn a_removed_key_ends_its_connections_and_no_others() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let other = make_key(&reached.init.path("other"));
    let mut access = reached.access(1);
    access.authorized_keys.push(other);
    reached.init.client.set_access(&access).await.unwrap();
    let mut staying = reached.command("ssh");
    let key = format!("IdentityFile={}", reached.init.path("other").display());
    staying.args(["-o", &key, "-p", &reached.port.to_string()]);
    staying.arg("root@127.0.0.1").args(STAY);
    // The first identity named is tried first: the other key has to be the only one.
    let first = reached.init.path("key");
    std::fs::rename(&first, reached.init.path("away")).unwrap();
    let mut staying = stays(staying).await;
    std::fs::rename(reached.init.path("away"), &first).unwrap();
    let leaving = stays(reached.ssh(&[], "root", &STAY)).await;
    access.revision = 2;
    access.authorized_keys.remove(0);
    let lived = time_to_end(&reached, &access, leaving).await;
    assert!(lived < Duration::from_secs(1), "{lived:?}");
    assert!(staying.try_wait().unwrap().is_none(), "the other stays");
    let status = reached.init.client.status().await.unwrap();
    assert_eq!(status.access_revision, 2);
    staying.kill().await.unwrap();
}

#[tokio::test]
async fn the_document_outlives_init_and_older_ones_are_ignored() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let mut nobody = Access {
        revision: 5,
        ..Access::default()
    };
    reached.init.client.set_access(&nobody).await.unwrap();
    let output = reached.run(&["true"]).await;
    assert_eq!(output.status.code(), Some(255), "nobody may log in");
    nobody.revision = 4;
    nobody.authorized_keys = vec![reached.public_key()];
    reached.init.client.set_access(&nobody).await.unwrap();
    let status = reached.init.client.status().await.unwrap();
    assert_eq!(status.access_revision, 5);
    let directory = reached.init.kill().await;
    let again = Init::start_in(directory).await;
    let plan = again.plan("op-2", 2);
    again.set_up(&plan).await;
    let status = again.client.status().await.unwrap();
    assert_eq!(
        status.access_revision, 5,
        "a plan is older than any document"
    );
}

#[tokio::test]
async fn the_host_proves_itself_by_certificate() {
    if is_skipped() {
        return;
    }
    let reached = Reached::start().await;
    let authority = reached.init.path("host_authority");
    let line = make_key(&authority);
    let host_key = reached.init.path("host_key.pub");
    std::fs::write(&host_key, &reached.host_key).unwrap();
    sign(&authority, &["-h", "-n", "hello.nexus"], &host_key);
    let certificate = reached.init.path("host_key-cert.pub");
    let mut access = reached.access(1);
    access.host_certificate = Some(std::fs::read_to_string(certificate).unwrap());
    reached.init.client.set_access(&access).await.unwrap();

    reached.trust(&format!("@cert-authority *.nexus {line}"));
    let named = |name: &'static str| {
        let mut command = reached.ssh(&["-o", name], "root", &["echo in"]);
        command.stdin(Stdio::null());
        command
    };
    let good = in_time(named("HostKeyAlias=hello.nexus").output()).await;
    assert_eq!(text(&good.unwrap().stdout), "in\n");
    let wrong = in_time(named("HostKeyAlias=other.nexus").output()).await;
    let said = text(&wrong.unwrap().stderr);
    assert!(said.contains("Host key verification failed"), "{said}");
}
