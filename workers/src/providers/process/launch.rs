//! Starting init: in a session of its own, so that no end of the worker is an end of the workspace.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nexus_init_protocol::sandbox::SandboxReady;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::directory::Directory;
use super::failure::from_io;
use super::program;
use crate::provider::{ErrorClass, ProviderError, Result};

/// From exec to listening: milliseconds, unless the machine is out of everything.
const LIMIT: Duration = Duration::from_secs(30);

/// How much of what init said goes into an error.
const LAST_WORDS: usize = 600;

/// Starts the sandbox `directory` is configured for and waits until init listens.
pub(super) async fn launch(init: &Path, directory: &Directory) -> Result<SandboxReady> {
    let attempted = || format!("starting the sandbox in {}", directory.path().display());
    let mut child = spawn(init, directory).map_err(|error| from_io(attempted(), error))?;
    let Some(stdout) = child.stdout.take() else {
        return Err(ProviderError::new(
            ErrorClass::Unknown,
            attempted(),
            "init has no output",
        ));
    };
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    let answer = tokio::time::timeout(LIMIT, reader.read_line(&mut line)).await;
    match answer {
        Ok(Ok(length)) if length > 0 => serde_json::from_str(&line).map_err(|error| {
            let cause = format!("init did not say what it made: {error}");
            ProviderError::new(ErrorClass::Unknown, attempted(), cause).caused_by(error)
        }),
        Ok(Ok(_)) => Err(refused(attempted(), directory)),
        Ok(Err(error)) => Err(from_io(attempted(), error)),
        Err(_) => {
            let _ended_already = child.start_kill();
            let cause = format!("init was not ready within {} s", LIMIT.as_secs());
            Err(ProviderError::new(ErrorClass::Unknown, attempted(), cause))
        }
    }
}

fn spawn(init: &Path, directory: &Directory) -> io::Result<tokio::process::Child> {
    let said = File::create(directory.start_log())?;
    let mut command = Command::new(init);
    command
        .arg("sandbox")
        .arg("--config")
        .arg(directory.config());
    command
        .env_clear()
        .env("PATH", program::search_path())
        .current_dir("/");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(said);
    let lead_session = || rustix::process::setsid().map(drop).map_err(io::Error::from);
    #[expect(
        unsafe_code,
        reason = "the standard library has no safe way to start a session"
    )]
    // SAFETY: the closure runs between fork and exec and makes one system call; it neither
    // allocates nor takes a lock.
    unsafe {
        command.pre_exec(lead_session);
    }
    tokio::process::Command::from(command).spawn()
}

/// Init ended before it was ready and has said why.
fn refused(attempted: String, directory: &Directory) -> ProviderError {
    let said = fs::read_to_string(directory.start_log()).unwrap_or_default();
    let said = said.trim();
    let cut = said.len().saturating_sub(LAST_WORDS);
    let tail = said.get(said.ceil_char_boundary(cut)..).unwrap_or(said);
    let cause = match tail.is_empty() {
        true => "init ended without a word".to_owned(),
        false => tail.to_owned(),
    };
    ProviderError::new(ErrorClass::Transient, attempted, cause)
}
