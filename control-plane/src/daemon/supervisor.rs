//! Keeping a child running: started again with growing pauses, ended in good order.
//!
//! A thread of its own per child, because the death signal that keeps a child from outliving us
//! is tied to the thread that made it.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::descriptors::restore_limit;
use rustix::process::{
    PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};

/// The pause after a child ended; it doubles with each end that follows soon.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Having run for so long, the next end counts as the first one.
const STABLE: Duration = Duration::from_secs(20);
/// How long a child may take to finish what it has.
const GOOD_ORDER: Duration = Duration::from_secs(20);

/// A child that is kept running until [`Supervisor::stop`].
#[derive(Debug)]
pub(super) struct Supervisor {
    name: String,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stopping: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// The running child; a signal through it cannot reach another process.
    process: Option<OwnedFd>,
}

impl Supervisor {
    /// Keeps the child `command` makes running.
    pub(super) fn start(
        name: String,
        command: impl Fn() -> Command + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let theirs_name = name.clone();
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .stack_size(256 << 10)
            .spawn(move || theirs.keep_running(&theirs_name, &command))?;
        Ok(Self {
            name,
            shared,
            thread,
        })
    }

    /// Asks the child to end; returns at once.
    pub(super) fn ask_to_end(&self) {
        self.shared.lock().stopped = true;
        self.shared.stopping.notify_all();
        self.shared.signal(Signal::TERM);
    }

    /// Ends the child in good order, or after a while without, and waits for it. Blocks.
    pub(super) fn stop(self) {
        self.ask_to_end();
        let deadline = Instant::now() + GOOD_ORDER;
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !self.thread.is_finished() {
            tracing::warn!(child = self.name, "does not end in good order");
            self.shared.signal(Signal::KILL);
        }
        if self.thread.join().is_err() {
            tracing::error!(child = self.name, "its thread panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_running(&self, name: &str, command: &impl Fn() -> Command) {
        let mut pause = PAUSES.0;
        loop {
            let began = Instant::now();
            let how = match spawn(command()) {
                Ok(child) => self.wait(child),
                Err(error) => format!("it cannot be started: {error}"),
            };
            if began.elapsed() > STABLE {
                pause = PAUSES.0;
            }
            let state = self.lock();
            if state.stopped {
                return;
            }
            tracing::warn!(child = name, how, ?pause, "ended; it is started again");
            let waited = self
                .stopping
                .wait_timeout_while(state, pause, |state| !state.stopped);
            if waited.unwrap_or_else(PoisonError::into_inner).0.stopped {
                return;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Waits until the child has ended, and says how.
    fn wait(&self, mut child: Child) -> String {
        let opened = i32::try_from(child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let stopped = {
            let mut state = self.lock();
            match opened {
                Some(Ok(process)) => state.process = Some(process),
                Some(Err(_)) | None => tracing::error!("a child cannot be signalled"),
            }
            state.stopped
        };
        if stopped {
            self.signal(Signal::TERM);
        }
        let ended = child.wait();
        self.lock().process = None;
        ended.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.lock().process
            && let Err(error) = pidfd_send_signal(process, signal)
        {
            tracing::debug!(%error, "the child has ended already");
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the death signal can only be set between fork and exec"
)]
fn spawn(mut command: Command) -> std::io::Result<Child> {
    let parent = getpid();
    let die_with_parent = move || {
        restore_limit()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before the signal was set.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::NotConnected.into())
        }
    };
    // SAFETY: the closure makes three system calls, allocates nothing and takes no lock, which is
    // all that is allowed between fork and exec.
    unsafe { command.pre_exec(die_with_parent) };
    command.spawn()
}
