//! The stock OpenSSH programs pointed at one host, with nothing of this machine's own set-up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::tool::{self, Output};

/// A host the stock programs can log in to: one entry in a configuration file of its own.
#[derive(Debug, Clone)]
pub struct Host {
    /// What the host is called in the file.
    pub name: String,
    folder: PathBuf,
    config: PathBuf,
}

impl Host {
    /// Writes the entry `name` with `options` (keyword, value) to a file in `folder`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        folder: &Path,
        name: &str,
        key: &Path,
        options: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut text = format!("Host {name}\n");
        let mut line = |keyword: &str, value: &str| writeln!(text, "  {keyword} {value}");
        // The first value of a keyword is the one that counts.
        for (keyword, value) in options {
            line(keyword, value)?;
        }
        line("IdentityFile", &key.to_string_lossy())?;
        line("IdentitiesOnly", "yes")?;
        line("BatchMode", "yes")?;
        line("LogLevel", "ERROR")?;
        line("ConnectTimeout", "60")?;
        line("StrictHostKeyChecking", "yes")?;
        line("GlobalKnownHostsFile", "/dev/null")?;
        let config = folder.join(format!("{name}.config"));
        std::fs::write(&config, text)?;
        Ok(Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            config,
        })
    }

    /// The entry `name` of a configuration file somebody else wrote.
    pub fn of_file(config: &Path, name: &str, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            config: config.to_owned(),
        }
    }

    /// `ssh` with `options` before the host and `command` after it.
    pub fn ssh(&self, options: &[&str], command: &[&str]) -> Command {
        let mut ssh = self.program("ssh");
        ssh.args(options).arg(&self.name);
        if !command.is_empty() {
            ssh.arg("--").args(command);
        }
        ssh
    }

    /// `scp` with `options`, from `from` to `to`; a path there begins with a colon.
    pub fn scp(&self, options: &[&str], from: &str, to: &str) -> Command {
        let there = |path: &str| match path.strip_prefix(':') {
            Some(path) => format!("{}:{path}", self.name),
            None => path.to_owned(),
        };
        let mut scp = self.program("scp");
        scp.arg("-q").args(options).args([there(from), there(to)]);
        scp
    }

    /// `sftp` that runs the lines of `batch`.
    ///
    /// # Errors
    /// When the batch cannot be written.
    pub fn sftp(&self, batch: &str) -> anyhow::Result<Command> {
        let file = self.folder.join(format!("{}.batch", self.name));
        std::fs::write(&file, batch)?;
        let mut sftp = self.program("sftp");
        sftp.arg("-q").arg("-b").arg(file).arg(&self.name);
        Ok(sftp)
    }

    /// Runs `command` there and takes what it prints.
    ///
    /// # Errors
    /// When `ssh` cannot be started or does not end within two minutes.
    pub async fn run(&self, command: &str) -> anyhow::Result<Output> {
        tool::finish(self.ssh(&[], &[command])).await
    }

    /// A connection that others can share, as editors open it.
    ///
    /// # Errors
    /// When it is not open within a minute.
    pub async fn master(&self, options: &[&str]) -> anyhow::Result<Master> {
        let socket = self.folder.join(format!("{}.ctl", self.name));
        let path = format!("ControlPath={}", socket.display());
        let mut ssh = self.program("ssh");
        ssh.args(["-M", "-N", "-o", &path]).args(options);
        ssh.arg(&self.name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let child = ssh.spawn().context("starting ssh")?;
        let master = Master {
            host: self.clone(),
            path,
            child,
        };
        let open = async {
            while master.control("check", &[]).await?.code != Some(0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), open)
            .await
            .with_context(|| format!("no shared connection to {}", self.name))??;
        Ok(master)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.arg("-F").arg(&self.config);
        command.kill_on_drop(true);
        // What this machine's own session offers is not for the tests.
        command.env_remove("SSH_AUTH_SOCK");
        command
    }
}

/// An open connection whose channels others use.
#[derive(Debug)]
pub struct Master {
    host: Host,
    path: String,
    child: tokio::process::Child,
}

impl Master {
    /// `ssh` with `options` over this connection.
    pub fn ssh(&self, options: &[&str], command: &[&str]) -> Command {
        self.host
            .ssh(&[&["-o", &self.path], options].concat(), command)
    }

    /// Tells the connection to do `what` (`check`, `forward`, `cancel`, `exit`).
    ///
    /// # Errors
    /// When `ssh` cannot be started.
    pub async fn control(&self, what: &str, options: &[&str]) -> anyhow::Result<Output> {
        tool::finish(self.ssh(&[&["-O", what], options].concat(), &[])).await
    }

    /// Asks for a forwarding and returns what the far side says of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn forward(&self, options: &[&str]) -> anyhow::Result<String> {
        Ok(self.control("forward", options).await?.success()?.stdout)
    }

    /// Waits until the connection has ended by itself.
    ///
    /// # Errors
    /// When it has not within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> anyhow::Result<()> {
        tokio::time::timeout(limit, self.child.wait())
            .await
            .context("the connection is still open")??;
        Ok(())
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.control("exit", &[]).await?;
        self.ended(Duration::from_secs(10)).await
    }
}

/// Runs a prepared command with `input` as its standard input; its output stays bytes.
///
/// # Errors
/// When it cannot be started or does not end within five minutes.
pub async fn feed(mut command: Command, input: &[u8]) -> anyhow::Result<std::process::Output> {
    let name = format!("{:?}", command.as_std());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    let write = async {
        // A program that does not read to the end is a good case too.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let both = async { tokio::join!(write, child.wait_with_output()).1 };
    let output = tokio::time::timeout(Duration::from_secs(300), both)
        .await
        .with_context(|| format!("{name} did not end within five minutes"))??;
    Ok(output)
}

/// Whether the stock programs are there.
pub fn is_installed() -> bool {
    ["ssh", "scp", "sftp", "ssh-keygen", "ssh-agent", "ssh-add"]
        .iter()
        .all(|name| tool::is_installed(name))
}

/// A port of this machine's loopback that nothing listens on right now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    ensure!(port > 0, "a port");
    Ok(port)
}
