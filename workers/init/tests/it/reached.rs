//! An init with an SSH port in front of it, and the stock client that goes there.

use std::path::Path;
use std::process::{Output, Stdio};

use nexus_init_protocol::{Access, Client, HandOver, ReportEvent, SetupPlan};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::harness::{Init, in_time, this_user};

/// An init that lets one key in, and a TCP port whose connections are handed over to it.
pub(crate) struct Reached {
    pub(crate) init: Init,
    pub(crate) port: u16,
    /// The line of the host's public key.
    pub(crate) host_key: String,
}

impl Reached {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut SetupPlan)) -> Self {
        let init = Init::start().await;
        let key = make_key(&init.path("key"));
        let mut plan = init.plan("op-1", 1);
        plan.authorized_keys = vec![key];
        change(&mut plan);
        let (_, reports) = init.set_up(&plan).await;
        let host_key = reports.iter().find_map(|report| match &report.event {
            ReportEvent::StepSucceeded { detail, .. } => detail.host_key.clone(),
            _ => None,
        });
        let host_key = host_key.unwrap();
        let port = serve_tcp(init.client.clone()).await;
        let reached = Self {
            init,
            port,
            host_key,
        };
        reached.trust(&format!("[127.0.0.1]:{port} {}", reached.host_key));
        reached
    }

    /// Makes this the only line of the known hosts.
    pub(crate) fn trust(&self, line: &str) {
        std::fs::write(self.init.path("known_hosts"), format!("{line}\n")).unwrap();
    }

    /// The public half of the key that may log in.
    pub(crate) fn public_key(&self) -> String {
        std::fs::read_to_string(self.init.path("key.pub")).unwrap()
    }

    /// A document of this revision that lets the same key in.
    pub(crate) fn access(&self, revision: u64) -> Access {
        Access {
            revision,
            authorized_keys: vec![self.public_key()],
            ..Access::default()
        }
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", "/dev/null"]);
        for option in [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "LogLevel=ERROR".to_owned(),
            format!("IdentityFile={}", self.init.path("key").display()),
            format!(
                "UserKnownHostsFile={}",
                self.init.path("known_hosts").display()
            ),
        ] {
            command.arg("-o").arg(option);
        }
        command.env_remove("SSH_AUTH_SOCK").kill_on_drop(true);
        command
    }

    pub(crate) fn ssh(&self, options: &[&str], user: &str, remote: &[&str]) -> Command {
        let mut command = self.command("ssh");
        command.args(options).arg("-p").arg(self.port.to_string());
        command.arg(format!("{user}@127.0.0.1")).args(remote);
        command
    }

    pub(crate) async fn run(&self, remote: &[&str]) -> Output {
        let mut command = self.ssh(&[], &this_user().name, remote);
        in_time(command.stdin(Stdio::null()).output())
            .await
            .unwrap()
    }
}

pub(crate) fn make_key(path: &Path) -> String {
    make_key_of(&["-t", "ed25519"], path)
}

/// Makes a key pair as `ssh-keygen` is told; the public half.
pub(crate) fn make_key_of(kind: &[&str], path: &Path) -> String {
    let mut command = std::process::Command::new("ssh-keygen");
    command
        .args(["-q", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .args(kind);
    assert!(command.status().unwrap().success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// A port whose connections go to init for good.
async fn serve_tcp(client: Client) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                let socket = tcp.into_std().unwrap().into();
                let _init_has_ended = client.hand_over(&HandOver::Ssh, socket).await;
            });
        }
    });
    port
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// These tests need to become somebody the server knows, and only root's tests are.
pub(crate) fn is_skipped() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("SKIPPED SSH: the tests have to run as root");
    }
    !is_root
}
