//! A bare OpenSSH server on loopback: what every way into a workspace is compared with.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::plane::make_key;
use crate::ssh::{Host, free_port};

/// Where distributions put it.
const SSHD: &str = "/usr/sbin/sshd";

/// A running server that lets one key in, as whoever runs the tests.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    folder: PathBuf,
    key: PathBuf,
    /// How to reach it.
    pub host: Host,
    /// Where it listens.
    pub port: u16,
}

/// Whether this machine has one.
pub fn is_installed() -> bool {
    Path::new(SSHD).exists()
}

impl Sshd {
    /// Starts one in `folder` that lets `key` in.
    ///
    /// # Errors
    /// When it does not greet within ten seconds.
    pub async fn start(folder: &Path, key: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // Where it runs as root it wants this folder; elsewhere it does without.
        let _ = std::fs::create_dir_all("/run/sshd");
        let host_key = folder.join("host_key");
        let public = make_key(&host_key).await?;
        let allowed = folder.join("authorized_keys");
        std::fs::copy(key.with_extension("pub"), &allowed)?;
        let port = free_port()?;
        let child = spawn(&host_key, &allowed, port)?;
        greeted(port).await?;
        std::fs::write(
            folder.join("known_hosts"),
            format!("reference {}\n", public.line),
        )?;
        let host = write(folder, key, port, "reference", None)?;
        Ok(Self {
            child,
            folder: folder.to_owned(),
            key: key.to_owned(),
            host,
            port,
        })
    }

    /// How to reach it over `command`, in which `%h` and `%p` are its address.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub fn over(&self, name: &str, command: &str) -> anyhow::Result<Host> {
        write(&self.folder, &self.key, self.port, name, Some(command))
    }

    /// How to reach it as `ssh -J` does, with this server between.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub fn behind(&self, between: &Self) -> anyhow::Result<Host> {
        let config = between.folder.join("reference.config");
        let command = format!("ssh -F {} -W [%h]:%p reference", config.display());
        self.over("behind", &command)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("ending sshd")
    }
}

/// An entry for the server at `port`.
fn write(
    folder: &Path,
    key: &Path,
    port: u16,
    name: &str,
    command: Option<&str>,
) -> anyhow::Result<Host> {
    let known = folder.join("known_hosts").display().to_string();
    let mut options = vec![
        ("HostName", "127.0.0.1".to_owned()),
        ("Port", port.to_string()),
        ("HostKeyAlias", "reference".to_owned()),
        ("UserKnownHostsFile", known),
    ];
    options.extend(command.map(|command| ("ProxyCommand", command.to_owned())));
    Host::write(folder, name, key, &options)
}

fn spawn(host_key: &Path, allowed: &Path, port: u16) -> anyhow::Result<Child> {
    let mut command = Command::new(SSHD);
    command.args(["-D", "-f", "/dev/null", "-h"]).arg(host_key);
    for option in [
        format!("ListenAddress=127.0.0.1:{port}"),
        format!("AuthorizedKeysFile={}", allowed.display()),
        "StrictModes=no".into(),
        "PidFile=none".into(),
        "UsePAM=no".into(),
        "PermitRootLogin=yes".into(),
        "MaxStartups=1000".into(),
        "MaxSessions=1000".into(),
        "Subsystem=sftp internal-sftp".into(),
    ] {
        command.args(["-o", &option]);
    }
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting sshd")
}

async fn greeted(port: u16) -> anyhow::Result<()> {
    let asked = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                let mut greeting = [0; 4];
                stream.read_exact(&mut greeting).await?;
                ensure!(&greeting == b"SSH-", "sshd greets");
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked)
        .await
        .context("sshd did not greet within ten seconds")?
}
