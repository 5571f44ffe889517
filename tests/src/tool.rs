//! Programs of the machine: run with a time limit, their output kept.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The output of a program that must have ended well.
    ///
    /// # Errors
    /// When it did not, with everything it printed.
    pub fn success(self) -> anyhow::Result<Self> {
        if self.code != Some(0) {
            bail!(
                "exit {:?}\nstdout: {}\nstderr: {}",
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }
}

/// Runs `program` with `arguments`, for two minutes at most.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: &[S],
) -> anyhow::Result<Output> {
    let mut command = Command::new(&program);
    command.args(arguments);
    finish(command).await
}

/// Runs a prepared command, for two minutes at most.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn finish(mut command: Command) -> anyhow::Result<Output> {
    let name = format!("{:?}", command.as_std());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let output = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output())
        .await
        .with_context(|| format!("{name} did not end within two minutes"))??;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The stock OpenSSH client about to log in, with `key` and nothing of this machine's own set-up.
pub fn ssh(key: &Path, login: &str, port: u16) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none"]);
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "BatchMode=yes",
        "IdentitiesOnly=yes",
    ] {
        ssh.args(["-o", option]);
    }
    ssh.arg("-i")
        .arg(key)
        .args(["-p", &port.to_string(), login]);
    ssh
}

/// Whether a program of this name can be found.
pub fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
