//! Reading what a process writes, to the end but not for ever.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nexus_init_protocol::{ExitOutcome, OutputStream};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::process::ExitWatch;

/// A background process that keeps the pipes open after the command itself ended is not waited for
/// longer than this.
const LINGER: Duration = Duration::from_millis(200);

/// Both output streams of one process.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    stdout_buffer: Vec<u8>,
    stderr_buffer: Vec<u8>,
    exit: ExitWatch,
    linger: Option<Duration>,
}

/// What comes from a process.
#[derive(Debug)]
pub(crate) enum ProcessEvent<'a> {
    Output(OutputStream, &'a [u8]),
    Ended(ExitOutcome),
}

const BUFFER: usize = 32 << 10;

impl ProcessOutput {
    pub(crate) fn new(stdout: OwnedFd, stderr: OwnedFd, exit: ExitWatch) -> io::Result<Self> {
        Ok(Self {
            stdout: Some(Receiver::from_owned_fd(stdout)?),
            stderr: Some(Receiver::from_owned_fd(stderr)?),
            stdout_buffer: Vec::with_capacity(BUFFER),
            stderr_buffer: Vec::new(),
            exit,
            linger: Some(LINGER),
        })
    }

    /// Waits for the end of both streams however long somebody keeps them open: for those who can
    /// leave whenever they like.
    pub(crate) fn without_limit(mut self) -> Self {
        self.linger = None;
        self
    }

    /// The next output, or how the process ended once everything it wrote was returned.
    pub(crate) async fn next(&mut self) -> io::Result<ProcessEvent<'_>> {
        self.stdout_buffer.clear();
        self.stderr_buffer.clear();
        loop {
            if self.stdout.is_none() && self.stderr.is_none() {
                return Ok(ProcessEvent::Ended(self.exit.ended().await));
            }
            let has_ended = self.exit.outcome();
            tokio::select! {
                biased;
                read = read_some(&mut self.stdout, &mut self.stdout_buffer) => {
                    if read? > 0 {
                        return Ok(ProcessEvent::Output(OutputStream::Stdout, &self.stdout_buffer));
                    }
                    self.stdout = None;
                }
                read = read_some(&mut self.stderr, &mut self.stderr_buffer) => {
                    if read? > 0 {
                        return Ok(ProcessEvent::Output(OutputStream::Stderr, &self.stderr_buffer));
                    }
                    self.stderr = None;
                }
                _ = self.exit.ended(), if has_ended.is_none() => {}
                () = pause(self.linger), if has_ended.is_some() => {
                    self.stdout = None;
                    self.stderr = None;
                }
            }
        }
    }
}

async fn pause(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

async fn read_some(pipe: &mut Option<Receiver>, buffer: &mut Vec<u8>) -> io::Result<usize> {
    match pipe {
        Some(pipe) => {
            buffer.reserve(BUFFER);
            pipe.read_buf(buffer).await
        }
        None => std::future::pending().await,
    }
}
