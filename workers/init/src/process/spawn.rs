//! Starting one child: its user, its standing among processes, its descriptors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;

use nexus_init_protocol::ExitOutcome;

use crate::user::{Account, can_change_user};

/// How a child stands among processes.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Leads a process group of its own.
    Group,
    /// Leads a session whose controlling terminal is its standard input.
    TerminalSession,
}

/// A child to start.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    /// None keeps init's own user.
    pub(crate) account: Option<Account>,
    pub(crate) standing: Standing,
    /// `/dev/null` when absent.
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("there is no command to run")]
    Empty,
    #[error("the directory {} does not exist", directory.display())]
    NoDirectory { directory: PathBuf },
    #[error("starting {program:?}")]
    Start { program: String, source: io::Error },
}

impl SpawnError {
    /// What a shell would show: 127 when the program was not found, 126 otherwise.
    pub(crate) fn to_outcome(&self) -> ExitOutcome {
        match self {
            Self::Start { program, source } if source.kind() == io::ErrorKind::NotFound => {
                ExitOutcome::NotStarted {
                    code: 127,
                    cause: format!("{program}: command not found"),
                }
            }
            Self::Start { program, source } => ExitOutcome::NotStarted {
                code: 126,
                cause: format!("{program}: {source}"),
            },
            Self::Empty | Self::NoDirectory { .. } => ExitOutcome::NotStarted {
                code: 126,
                cause: self.to_string(),
            },
        }
    }
}

impl Command {
    /// Starts the child; only the reaper calls this, since somebody has to wait for it.
    pub(super) fn spawn(self) -> Result<u32, SpawnError> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(SpawnError::Empty);
        };
        if !self.directory.is_dir() {
            let directory = self.directory;
            return Err(SpawnError::NoDirectory { directory });
        }
        let mut command = std::process::Command::new(program);
        command
            .args(arguments.iter().map(OsString::from))
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.directory)
            .stdin(self.stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(self.stdout.map_or_else(Stdio::null, Stdio::from))
            .stderr(self.stderr.map_or_else(Stdio::null, Stdio::from));
        if matches!(self.standing, Standing::Group) {
            command.process_group(0);
        }
        before_exec(&mut command, self.account, self.standing);
        let child = command.spawn().map_err(|source| SpawnError::Start {
            program: program.clone(),
            source,
        })?;
        Ok(child.id())
    }
}

/// Registers what the child does between fork and exec.
#[expect(
    unsafe_code,
    reason = "the standard library offers no safe way to run code after fork"
)]
fn before_exec(command: &mut std::process::Command, account: Option<Account>, standing: Standing) {
    let ids = account.filter(|_| can_change_user());
    let hook = move || {
        super::descriptors::restore_limit()?;
        if matches!(standing, Standing::TerminalSession) {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        if let Some(account) = &ids {
            account.assume_on_this_thread()?;
        }
        Ok(())
    };
    // SAFETY: after fork in a process that may have other threads only async-signal-safe work is
    // allowed: the hook makes plain system calls on values prepared before and allocates nothing.
    unsafe { command.pre_exec(hook) };
}

/// A pipe whose ends are closed on exec; the child's end becomes one of its standard descriptors.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}
