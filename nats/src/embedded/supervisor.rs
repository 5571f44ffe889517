//! The thread that starts the child, waits for it, and starts it again.
//!
//! A thread of its own, because the death signal is tied to the thread that made the child: were
//! it one of the runtime's, the server would end whenever the runtime retires a thread.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{
    PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};
use tokio::sync::watch;

use super::EmbeddedError;

/// How long the server may take to end in good order.
const GOOD_ORDER: Duration = Duration::from_secs(10);
/// The pause after the first crash; it doubles with each that follows soon.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Having run for so long, a crash counts as the first one again.
const STABLE: Duration = Duration::from_secs(10);

/// How the child is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildState {
    /// It runs.
    Running {
        /// Its process id.
        pid: u32,
        /// How often it was started again.
        restarts: u64,
    },
    /// It ended without being asked to, and is started again soon.
    Crashed {
        /// How it ended.
        cause: String,
    },
    /// It was stopped.
    Stopped,
}

/// What the child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Run,
    #[cfg(feature = "testing")]
    Hold,
    Stop,
}

#[derive(Debug)]
struct Shared {
    wish: Mutex<Wish>,
    changed: Condvar,
    /// The running child; a signal through it cannot reach another process.
    process: Mutex<Option<OwnedFd>>,
    state: watch::Sender<ChildState>,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What to run.
pub(super) struct Program {
    /// The nats-server.
    pub(super) binary: PathBuf,
    /// Its configuration.
    pub(super) config: PathBuf,
    /// Where it complains before it has read its configuration.
    pub(super) log: PathBuf,
    /// The lock of its store, which it inherits.
    pub(super) lock: Arc<File>,
}

impl Supervisor {
    /// Starts the thread and, on it, the child.
    pub(super) fn start(program: Program) -> Result<Self, EmbeddedError> {
        let binary = program.binary.clone();
        let spawn = |path: &Path, source| EmbeddedError::Spawn {
            path: path.to_owned(),
            source,
        };
        let shared = Arc::new(Shared {
            wish: Mutex::new(Wish::Run),
            changed: Condvar::new(),
            process: Mutex::new(None),
            state: watch::Sender::new(ChildState::Stopped),
        });
        let (started, first) = mpsc::sync_channel(1);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("nats-server".into())
            .spawn(move || theirs.supervise(&program, &started))
            .map_err(|source| spawn(&binary, source))?;
        match first.recv() {
            Ok(Ok(())) => Ok(Self {
                shared,
                thread: Mutex::new(Some(thread)),
            }),
            Ok(Err(source)) => Err(spawn(&binary, source)),
            Err(_) => Err(spawn(&binary, std::io::Error::other("its thread ended"))),
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<ChildState> {
        self.shared.state.subscribe()
    }

    /// Ends the child in good order and waits for it.
    pub(super) fn stop(&self) {
        self.shared.wish(Wish::Stop);
        self.shared.signal(Signal::TERM);
        let Some(thread) = lock(&self.thread).take() else {
            return;
        };
        let deadline = Instant::now() + GOOD_ORDER;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !thread.is_finished() {
            tracing::warn!("the nats-server does not end in good order");
            self.shared.signal(Signal::KILL);
        }
        if thread.join().is_err() {
            tracing::error!("the nats-server's thread panicked");
        }
    }

    /// Ends the child, in good order or after `patience` without, to be started again.
    pub(super) async fn restart(&self, patience: Duration) {
        let mut state = self.state();
        let runs = |state: &ChildState| match state {
            ChildState::Running { pid, .. } => Some(*pid),
            ChildState::Crashed { .. } | ChildState::Stopped => None,
        };
        let Some(before) = runs(&state.borrow_and_update()) else {
            return;
        };
        self.shared.signal(Signal::TERM);
        let ended = state.wait_for(|state| runs(state) != Some(before));
        if tokio::time::timeout(patience, ended).await.is_err() {
            self.shared.signal(Signal::KILL);
        }
    }

    /// Kills the child and does not start it again before [`Supervisor::resume`].
    #[cfg(feature = "testing")]
    pub(crate) fn kill(&self) {
        self.shared.wish(Wish::Hold);
        self.shared.signal(Signal::KILL);
        while lock(&self.shared.process).is_some() {
            std::thread::yield_now();
        }
    }

    /// Kills the child as a crash would: it is started again.
    #[cfg(feature = "testing")]
    pub(crate) fn crash(&self) {
        self.shared.signal(Signal::KILL);
    }

    /// Starts the child again.
    #[cfg(feature = "testing")]
    pub(crate) fn resume(&self) {
        self.shared.wish(Wish::Run);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn supervise(&self, program: &Program, started: &mpsc::SyncSender<std::io::Result<()>>) {
        let mut pause = FIRST_PAUSE;
        let mut restarts = 0;
        loop {
            let began = Instant::now();
            let cause = match program.spawn() {
                Ok(child) => {
                    let _ = started.try_send(Ok(()));
                    self.wait(child, restarts)
                }
                Err(error) if restarts == 0 => {
                    let _ = started.try_send(Err(error));
                    return;
                }
                Err(error) => error.to_string(),
            };
            if began.elapsed() > STABLE {
                pause = FIRST_PAUSE;
            }
            if !self.again(cause, pause) {
                self.state.send_replace(ChildState::Stopped);
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            restarts += 1;
        }
    }

    /// Waits until the child has ended, and says how.
    fn wait(&self, mut child: Child, restarts: u64) -> String {
        let pid = child.id();
        match open(pid) {
            Ok(process) => *lock(&self.process) = Some(process),
            Err(error) => tracing::error!(%error, "the nats-server cannot be signalled"),
        }
        self.state
            .send_replace(ChildState::Running { pid, restarts });
        if *lock(&self.wish) == Wish::Stop {
            self.signal(Signal::TERM);
        }
        let ended = child.wait();
        *lock(&self.process) = None;
        ended.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Whether to start it again, after the pause.
    fn again(&self, cause: String, pause: Duration) -> bool {
        let mut wish = lock(&self.wish);
        if *wish != Wish::Stop {
            tracing::error!(cause, ?pause, "the nats-server ended; it is started again");
            self.state.send_replace(ChildState::Crashed { cause });
        }
        if *wish == Wish::Run {
            let waited = self
                .changed
                .wait_timeout_while(wish, pause, |wish| *wish == Wish::Run);
            wish = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        #[cfg(feature = "testing")]
        while *wish == Wish::Hold {
            wish = self
                .changed
                .wait(wish)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *wish == Wish::Run
    }

    fn wish(&self, wish: Wish) {
        *lock(&self.wish) = wish;
        self.changed.notify_all();
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &*lock(&self.process)
            && let Err(error) = pidfd_send_signal(process, signal)
        {
            tracing::debug!(%error, "the nats-server has ended already");
        }
    }
}

impl Program {
    #[expect(
        unsafe_code,
        reason = "the death signal can only be set between fork and exec"
    )]
    fn spawn(&self) -> std::io::Result<Child> {
        let parent = getpid();
        let lock = Arc::clone(&self.lock);
        let log = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        // SAFETY: the closure only makes system calls, through wrappers that allocate nothing and
        // take no lock, so it is safe in the child of a process with threads.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::TERM))?;
                // The parent may have died before the signal was set.
                if getppid() != Some(parent) {
                    return Err(std::io::ErrorKind::BrokenPipe.into());
                }
                // The child keeps the lock: a server that outlives us is not joined by another.
                rustix::io::fcntl_setfd(lock.as_fd(), rustix::io::FdFlags::empty())?;
                Ok(())
            });
        }
        command.spawn()
    }
}

fn open(pid: u32) -> rustix::io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pidfd_open(pid.ok_or(rustix::io::Errno::SRCH)?, PidfdFlags::empty())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
