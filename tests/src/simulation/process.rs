//! A simulated process: a runtime of its own, which a crash drops.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::runtime::{Builder, Handle, Runtime};

use super::virtually;

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) name: String,
    runtime: Option<Runtime>,
    events: Option<OwnedFd>,
    due: Option<Duration>,
    /// It stands still until then, as one that got a stop signal.
    pub(super) paused_until: Duration,
    /// By how many milliseconds its clock is wrong.
    pub(super) skew: i64,
}

impl Process {
    pub(super) const fn new(name: String) -> Self {
        Self {
            name,
            runtime: None,
            events: None,
            due: None,
            paused_until: Duration::ZERO,
            skew: 0,
        }
    }

    /// Starts it, and gives what its tasks are spawned on.
    pub(super) fn start(&mut self) -> anyhow::Result<Handle> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .with_context(|| format!("starting {}", self.name))?;
        let handle = runtime.handle().clone();
        self.runtime = Some(runtime);
        self.events = None;
        self.due = Some(virtually::now());
        self.paused_until = Duration::ZERO;
        Ok(handle)
    }

    /// It ends between two awaits, without a word.
    pub(super) fn crash(&mut self) {
        virtually::skew(self.skew);
        self.runtime = None;
        self.events = None;
        self.due = None;
        virtually::skew(0);
    }

    pub(super) const fn is_up(&self) -> bool {
        self.runtime.is_some()
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        self.runtime
            .as_ref()
            .map(|runtime| runtime.handle().clone())
    }

    /// Does everything it can do now.
    pub(super) fn take_turn(&mut self) {
        let Some(runtime) = &self.runtime else { return };
        virtually::skew(self.skew);
        let over = virtually::turn(runtime, self.events.is_none());
        virtually::skew(0);
        self.due = over.due;
        self.events = self.events.take().or(over.events);
    }

    /// When it wants its next turn, if nothing happens before.
    pub(super) fn wants_turn_at(&self) -> Option<Duration> {
        self.runtime.as_ref()?;
        if self.paused_until > virtually::now() {
            return Some(self.paused_until);
        }
        self.due
    }
}

/// Which of them have something to do now.
pub(super) fn ready(processes: &[Process]) -> anyhow::Result<Vec<usize>> {
    let now = virtually::now();
    let (mut ready, mut asked, mut fds) = (Vec::new(), Vec::new(), Vec::new());
    for (index, process) in processes.iter().enumerate() {
        if !process.is_up() || process.paused_until > now {
            continue;
        }
        match &process.events {
            _ if process.due.is_some_and(|due| due <= now) => ready.push(index),
            Some(events) => {
                asked.push(index);
                fds.push(PollFd::from_borrowed_fd(events.as_fd(), PollFlags::IN));
            }
            None => ready.push(index),
        }
    }
    if !fds.is_empty() {
        rustix::event::poll(&mut fds, Some(&Timespec::default()))
            .context("asking whether a process has something to do")?;
        let spoken = fds.iter().zip(asked);
        ready.extend(
            spoken
                .filter(|(fd, _)| !fd.revents().is_empty())
                .map(|(_, index)| index),
        );
        ready.sort_unstable();
    }
    Ok(ready)
}
