//! Stock programs of OpenSSH over what `nexus ssh-config` wrote, with a real sshd inside: the
//! server of this test hands out a socket behind which `sshd -i` waits.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::json;

use crate::fixture::{Asked, Fixture, Reply};
use crate::sample::{self, WORKSPACE};
use crate::wire::{Serve, serving};

const SSHD: &str = "/usr/sbin/sshd";

/// A workspace made of this machine's sshd: certificates only, signed by an authority of its own.
struct Inside {
    folder: tempfile::TempDir,
}

impl Inside {
    /// `None`, aloud, where there is no sshd.
    fn new(test: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() || !rustix::process::getuid().is_root() {
            skipped(test, "no sshd that may run here");
            return None;
        }
        // sshd wants its empty folder, which a service would have made.
        std::fs::create_dir_all("/run/sshd").ok()?;
        let folder = tempfile::tempdir().unwrap();
        let inside = Self { folder };
        for name in ["ca", "host"] {
            inside.keygen(&["-q", "-t", "ed25519", "-N", "", "-f", name]);
        }
        inside.keygen(&[
            "-q",
            "-s",
            "ca",
            "-I",
            "h",
            "-h",
            "-n",
            "hello.nexus",
            "host.pub",
        ]);
        std::fs::write(inside.path("principals"), format!("{WORKSPACE}\n")).unwrap();
        let configuration = format!(
            "HostKey {0}/host\nHostCertificate {0}/host-cert.pub\nTrustedUserCAKeys {0}/ca.pub\n\
             AuthorizedPrincipalsFile {0}/principals\nAuthorizedKeysFile none\nUsePAM no\n\
             PasswordAuthentication no\nStrictModes no\nPermitRootLogin yes\n\
             Subsystem sftp internal-sftp\nPidFile none\n",
            inside.folder.path().display()
        );
        std::fs::write(inside.path("sshd_config"), configuration).unwrap();
        Some(inside)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keygen(&self, arguments: &[&str]) {
        let status = Command::new("ssh-keygen")
            .args(arguments)
            .current_dir(self.folder.path())
            .status();
        assert!(status.unwrap().success());
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Signs a public key for the workspace, as the server would.
    fn certify(&self, public_key: &str) -> String {
        let name = format!("user-{}", public_key.len());
        std::fs::write(self.path(&format!("{name}.pub")), public_key).unwrap();
        let public = format!("{name}.pub");
        self.keygen(&[
            "-q", "-s", "ca", "-I", "u", "-n", WORKSPACE, "-V", "-1m:+8h", &public,
        ]);
        self.read(&format!("{name}-cert.pub"))
    }

    /// A socket behind which sshd speaks.
    fn connect(&self) -> UnixStream {
        let (near, far) = UnixStream::pair().unwrap();
        self.serve(far.into());
        near
    }

    /// Has sshd speak on a connection.
    fn serve(&self, far: OwnedFd) {
        let mut child = Command::new(SSHD)
            .args(["-i", "-e", "-f"])
            .arg(self.path("sshd_config"))
            .stdin(Stdio::from(far.try_clone().unwrap()))
            .stdout(Stdio::from(far))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::spawn(move || child.wait());
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the summary of the test run reads these lines"
)]
fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

fn serving_sshd(inside: Inside) -> Fixture {
    let inside = Arc::new(inside);
    let fixture = serving(move |asked: &Asked| match asked.path() {
        "/api/v1/workspaces" => Serve::Http(Reply::json(&sample::page(&[workspace()]))),
        "/api/v1/ssh/authority" => Serve::Http(Reply::json(&json!({
            "host_authority": inside.read("ca.pub"), "user_authority": inside.read("ca.pub")
        }))),
        "/api/v1/ssh/certificates" => Serve::Http(certificate(&inside, asked)),
        path if path.ends_with("/ssh") => Serve::HandOut(inside.connect()),
        _ => Serve::Http(Reply::json(&workspace())),
    });
    fixture.run(&["ssh-config", "--yes"]).ok();
    fixture
}

fn certificate(inside: &Inside, asked: &Asked) -> Reply {
    let key = asked.body["public_key"].as_str().unwrap();
    Reply::json(&json!({
        "certificate": inside.certify(key), "valid_before": "2126-11-21T04:00:00Z",
        "principals": [asked.body["workspace"]]
    }))
}

/// As the one account this test may log in to.
fn workspace() -> serde_json::Value {
    let mut workspace = sample::workspace("running");
    workspace["ssh"]["user"] = json!("root");
    workspace
}

/// A program of OpenSSH with the configuration that was written, and no other.
fn stock(fixture: &Fixture, program: &str, arguments: &[&str]) -> Output {
    let configuration = fixture.user_home().join(".ssh/config");
    Command::new(program)
        .args(["-F", configuration.to_str().unwrap(), "-o", "BatchMode=yes"])
        .args(arguments)
        .env("HOME", fixture.user_home())
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn ssh_scp_and_sftp_work_with_a_certificate_that_did_not_exist_before() {
    let Some(inside) = Inside::new("ssh_scp_and_sftp_work") else {
        return;
    };
    let fixture = serving_sshd(inside);
    let ran = stock(
        &fixture,
        "ssh",
        &["hello.nexus", "echo out; echo err >&2; exit 7"],
    );
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    assert_eq!(ran.stdout, b"out\n");
    let key = fixture.user_home().join(".ssh/id_ed25519_nexus");
    assert!(key.exists(), "made for it");
    let folder = tempfile::tempdir().unwrap();
    let (from, there, back) = (
        folder.path().join("from"),
        folder.path().join("there"),
        folder.path().join("back"),
    );
    let content: Vec<u8> = (0..5_000_000u32).map(|n| (n % 253) as u8).collect();
    std::fs::write(&from, &content).unwrap();
    let remote = format!("hello.nexus:{}", there.display());
    for (a, b) in [
        (from.to_str().unwrap(), remote.as_str()),
        (remote.as_str(), back.to_str().unwrap()),
    ] {
        let ran = stock(&fixture, "scp", &["-q", a, b]);
        assert!(ran.status.success(), "{ran:?}");
    }
    assert!(std::fs::read(&back).unwrap() == content, "there and back");
    let asked = fixture.asked();
    let certified = asked
        .iter()
        .filter(|asked| asked.path().ends_with("/certificates"));
    assert_eq!(certified.count(), 1, "one certificate serves them all");
    let commands = folder.path().join("commands");
    std::fs::write(
        &commands,
        format!("get {} {}.sftp\n", there.display(), back.display()),
    )
    .unwrap();
    let ran = stock(
        &fixture,
        "sftp",
        &["-q", "-b", commands.to_str().unwrap(), "hello.nexus"],
    );
    assert!(ran.status.success(), "{ran:?}");
    assert!(std::fs::read(format!("{}.sftp", back.display())).unwrap() == content);
}

#[test]
fn an_operator_enters_somebody_elses_workspace_by_its_port() {
    let Some(inside) = Inside::new("an_operator_enters_somebody_elses") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut workspace = workspace();
    workspace["owner_login"] = json!("joe");
    workspace["ssh"]["port"] = json!(listener.local_addr().unwrap().port());
    workspace["ssh"]["host_key"] = json!(inside.read("host.pub").trim());
    let inside = Arc::new(inside);
    let door = inside.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            door.serve(stream.into());
        }
    });
    let fixture = serving(move |asked: &Asked| match asked.path() {
        "/api/v1/ssh/certificates" => Serve::Http(certificate(&inside, asked)),
        _ => Serve::Http(Reply::json(&workspace)),
    });
    // The operator's own key is none the workspace knows.
    fixture.registered_key();
    let ran = fixture.run(&["ssh", "hello", "--", "echo in; exit 5"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, "in\n"), "{ran:#?}");
}

#[test]
fn many_at_once_share_one_certificate_and_all_get_in() {
    let Some(inside) = Inside::new("many_at_once_share_one_certificate") else {
        return;
    };
    let fixture = Arc::new(serving_sshd(inside));
    let logins: Vec<_> = (0..8)
        .map(|number| {
            let fixture = fixture.clone();
            std::thread::spawn(move || {
                let ran = stock(&fixture, "ssh", &["hello.nexus", &format!("echo {number}")]);
                assert_eq!(ran.stdout, format!("{number}\n").as_bytes(), "{ran:?}");
            })
        })
        .collect();
    for login in logins {
        login.join().unwrap();
    }
    let asked = fixture.asked();
    let certified = asked
        .iter()
        .filter(|asked| asked.path().ends_with("/certificates"));
    assert_eq!(certified.count(), 1);
}

#[test]
fn a_host_that_nobody_vouches_for_is_refused() {
    let Some(inside) = Inside::new("a_host_that_nobody_vouches_for") else {
        return;
    };
    let other = Inside::new("a_host_that_nobody_vouches_for").unwrap();
    let fixture = serving_sshd(inside);
    let known = fixture.home().join("ssh/known_hosts");
    std::fs::write(
        &known,
        format!("@cert-authority *.nexus {}", other.read("ca.pub")),
    )
    .unwrap();
    let ran = stock(&fixture, "ssh", &["hello.nexus", "true"]);
    assert_eq!(ran.status.code(), Some(255));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("Host key verification failed"), "{said}");
}
