//! The three processes that make a sandbox: forking, and what they tell each other.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::thread::UnshareFlags;

/// A process forked from this one.
pub(super) struct Child(Pid);

impl Child {
    /// Its number as this process sees it.
    pub(super) fn process_id(&self) -> u32 {
        self.0.as_raw_pid().unsigned_abs()
    }

    /// Waits for its end.
    pub(super) fn wait(&self) {
        let _ended_already = waitpid(Some(self.0), WaitOptions::empty());
    }

    pub(super) fn kill(&self) {
        let _ended_already = kill_process(self.0, Signal::KILL);
        self.wait();
    }
}

/// Forks; none in the new process.
#[expect(unsafe_code, reason = "there is no safe way to fork")]
pub(super) fn fork() -> std::io::Result<Option<Child>> {
    // SAFETY: the callers run before any thread is started, so the copy is a whole process: no lock
    // is held by a thread that is missing in it.
    let number = unsafe { libc::fork() };
    match number {
        -1 => Err(std::io::Error::last_os_error()),
        number => Ok(Pid::from_raw(number).map(Child)),
    }
}

/// Leaves namespaces of the old process for new ones.
#[expect(
    unsafe_code,
    reason = "unsharing is unsafe for its flag FILES, which is not used"
)]
pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: descriptors stay shared, which is all the function asks for.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Ends a forked process.
pub(super) fn exit_with(result: anyhow::Result<()>) -> ! {
    match result {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::exit(1)
        }
    }
}

/// Standard input is empty, standard output and error go to the log.
pub(super) fn redirect_output(log: &File) -> std::io::Result<()> {
    let nothing = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(log)?;
    rustix::stdio::dup2_stderr(log)?;
    Ok(())
}

/// One way between two of the processes. Every message but the last is a line.
pub(super) struct Pipe {
    read: Option<File>,
    write: Option<File>,
}

impl Pipe {
    pub(super) fn new() -> anyhow::Result<Self> {
        let (read, write) = crate::process::spawn::pipe().context("making a pipe")?;
        Ok(Self {
            read: Some(File::from(read)),
            write: Some(File::from(write)),
        })
    }

    pub(super) fn close_read(&mut self) {
        self.read = None;
    }

    pub(super) fn close_write(&mut self) {
        self.write = None;
    }

    /// Says one line.
    pub(super) fn tell(&mut self, text: &str) -> anyhow::Result<()> {
        let mut write = self
            .write
            .as_ref()
            .context("this end of the pipe is closed")?;
        let line = format!("{}\n", text.replace('\n', " "));
        write
            .write_all(line.as_bytes())
            .context("telling another process")
    }

    /// Says the last line.
    pub(super) fn tell_and_close(&mut self, text: &str) -> anyhow::Result<()> {
        self.tell(text)?;
        self.close_write();
        Ok(())
    }

    /// The next line; empty when the other process ended instead.
    pub(super) fn listen(&mut self) -> anyhow::Result<String> {
        let mut read = self
            .read
            .as_ref()
            .context("this end of the pipe is closed")?;
        let mut line = Vec::new();
        let mut byte = [0];
        while read
            .read(&mut byte)
            .context("listening to another process")?
            > 0
            && byte[0] != b'\n'
        {
            line.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Waits for exactly this line.
    pub(super) fn expect(&mut self, text: &str) -> anyhow::Result<()> {
        let line = self.listen()?;
        ensure!(line == text, "waiting for {text:?}: {line}");
        Ok(())
    }

    /// The end for reading, for a program that waits until the other end is closed.
    pub(super) fn read_end(&self) -> Option<BorrowedFd<'_>> {
        self.read.as_ref().map(AsFd::as_fd)
    }
}

/// A descriptor that stays open over exec.
pub(super) fn inheritable(descriptor: BorrowedFd<'_>) -> std::io::Result<OwnedFd> {
    Ok(rustix::io::dup(descriptor)?)
}
