//! One terminal session: a program on a pseudo-terminal, kept with what it showed last.
//!
//! A task reads the device into the scroll-back; viewers copy from there at their own pace. While
//! somebody watches, the task does not run ahead of the slowest viewer by more than a window, so that
//! a flood stops where it starts and Ctrl-C is answered at once; a viewer that takes nothing for a
//! while is left behind and sees a gap in the numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_init_protocol::status::SessionState;
use nexus_init_protocol::terminal::SCROLLBACK_BYTES;
use nexus_init_protocol::{ExitOutcome, SessionId, Signal, TerminalSize};
use tokio::sync::{Notify, watch};

use super::device::Device;
use super::pacing::{Allowance, Turn, Typing};
use super::recording::Recording;
use super::scrollback::Scrollback;
use crate::clock::now_ms;
use crate::process::{ExitWatch, signal_group};
use crate::sync::Lock;

/// Bytes the program may be ahead of the slowest viewer.
const WINDOW: u64 = 128 << 10;
/// A viewer that takes nothing for this long no longer holds up the program.
const PATIENCE: Duration = Duration::from_secs(5);
const BUFFER: usize = 16 << 10;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    argv: Vec<String>,
    started_ms: u64,
    process_id: u32,
    device: Device,
    turn: Turn,
    scrollback: Mutex<Scrollback>,
    size: Mutex<TerminalSize>,
    recording: Mutex<Option<Recording>>,
    progress: watch::Sender<Progress>,
    viewers: Mutex<Viewers>,
    viewer_moved: Notify,
    viewer_left: Notify,
}

/// What viewers wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) end: u64,
    pub(crate) outcome: Option<ExitOutcome>,
}

#[derive(Debug, Default)]
struct Viewers {
    next_key: u64,
    positions: HashMap<u64, Arc<AtomicU64>>,
}

/// One who watches a session, until dropped.
#[derive(Debug)]
pub(crate) struct Viewer {
    key: u64,
    position: Arc<AtomicU64>,
    session: Arc<Session>,
}

/// What a session begins with.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) size: TerminalSize,
    pub(super) recording: Option<Recording>,
    pub(super) typing: Arc<Typing>,
}

impl Session {
    /// Keeps the program started on `device`.
    pub(super) fn start(
        id: SessionId,
        argv: Vec<String>,
        keeping: Keeping,
        device: Device,
        exit: ExitWatch,
    ) -> Arc<Self> {
        let (progress, _) = watch::channel(Progress::default());
        let session = Arc::new(Self {
            id,
            argv,
            started_ms: now_ms(),
            process_id: exit.process_id(),
            device,
            turn: Turn::of(exit.process_id(), keeping.typing),
            scrollback: Mutex::new(Scrollback::new(SCROLLBACK_BYTES)),
            size: Mutex::new(keeping.size),
            recording: Mutex::new(keeping.recording),
            progress,
            viewers: Mutex::default(),
            viewer_moved: Notify::new(),
            viewer_left: Notify::new(),
        });
        tokio::spawn(session.clone().record(exit));
        session
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }

    /// Leader of the session while it lives.
    pub(crate) fn living_process_id(&self) -> Option<u32> {
        self.progress
            .borrow()
            .outcome
            .is_none()
            .then_some(self.process_id)
    }

    /// Tells when there is more to see, or how the program ended.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Types bytes.
    pub(crate) async fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.turn.typed();
        self.device.write_all(bytes).await
    }

    /// The newest size of any viewer counts.
    pub(crate) fn resize(&self, size: TerminalSize) -> std::io::Result<()> {
        *self.size.hold() = size;
        if let Some(recording) = &mut *self.recording.hold() {
            recording.resized(size);
        }
        self.device.resize(size)
    }

    /// Sends a signal to the foreground process group.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.living_process_id().is_some() {
            signal_group(self.device.foreground().unwrap_or(self.process_id), signal);
        }
    }

    /// Begins to watch from byte `after`, or from the oldest kept.
    pub(crate) fn view(self: &Arc<Self>, after: Option<u64>) -> Viewer {
        let from = {
            let kept = self.scrollback.hold();
            after.unwrap_or(0).clamp(kept.first(), kept.end())
        };
        let position = Arc::new(AtomicU64::new(from));
        let mut viewers = self.viewers.hold();
        let key = viewers.next_key;
        viewers.next_key += 1;
        viewers.positions.insert(key, position.clone());
        Viewer {
            key,
            position,
            session: self.clone(),
        }
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        !self.viewers.hold().positions.is_empty()
    }

    /// The session as it is now.
    pub(crate) fn state(&self) -> SessionState {
        let kept = self.scrollback.hold();
        SessionState {
            id: self.id.clone(),
            argv: self.argv.clone(),
            started_ms: self.started_ms,
            viewers: u32::try_from(self.viewers.hold().positions.len()).unwrap_or(u32::MAX),
            size: *self.size.hold(),
            first_offset: kept.first(),
            end_offset: kept.end(),
            outcome: self.progress.borrow().outcome.clone(),
            recording: self.is_recording(),
        }
    }

    fn is_recording(&self) -> bool {
        let recording = self.recording.hold();
        let lives = self.living_process_id().is_some();
        lives && recording.as_ref().is_some_and(Recording::is_running)
    }

    /// Waits until nobody watches.
    pub(super) async fn unwatched(&self) {
        loop {
            let left = self.viewer_left.notified();
            if !self.is_watched() {
                return;
            }
            left.await;
        }
    }

    async fn record(self: Arc<Self>, mut exit: ExitWatch) {
        let mut buffer = vec![0; BUFFER];
        let mut allowance = Allowance::new();
        let outcome = loop {
            self.wait_for_viewers().await;
            let ended = exit.outcome();
            tokio::select! {
                biased;
                read = self.device.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break exit.ended().await,
                    Ok(count) => {
                        self.keep(&buffer[..count]);
                        if let Some(wait) = allowance.took(count, &self.turn) {
                            tokio::time::sleep(wait).await;
                        }
                    }
                },
                _ = exit.ended(), if ended.is_none() => {}
                () = tokio::time::sleep(super::LINGER), if ended.is_some() => {
                    break ended.unwrap_or(ExitOutcome::Lost);
                }
            }
        };
        self.progress
            .send_modify(|progress| progress.outcome = Some(outcome));
    }

    fn keep(&self, bytes: &[u8]) {
        let end = {
            let mut kept = self.scrollback.hold();
            kept.push(bytes);
            kept.end()
        };
        if let Some(recording) = &mut *self.recording.hold() {
            recording.shown(bytes);
        }
        self.progress.send_modify(|progress| progress.end = end);
    }

    /// Waits until every viewer is within the window, but not for ever.
    async fn wait_for_viewers(&self) {
        loop {
            let moved = self.viewer_moved.notified();
            if !self.is_ahead() {
                return;
            }
            if tokio::time::timeout(PATIENCE, moved).await.is_err() {
                self.leave_stalled_behind();
                return;
            }
        }
    }

    fn is_ahead(&self) -> bool {
        let viewers = self.viewers.hold();
        let slowest = viewers
            .positions
            .values()
            .map(|position| position.load(Relaxed))
            .min();
        slowest.is_some_and(|slowest| self.progress.borrow().end > slowest + WINDOW)
    }

    fn leave_stalled_behind(&self) {
        let end = self.progress.borrow().end;
        let viewers = self.viewers.hold();
        for position in viewers.positions.values() {
            if end > position.load(Relaxed) + WINDOW {
                // It no longer counts; its next copy starts where the scroll-back still has bytes.
                position.store(u64::MAX - WINDOW, Relaxed);
            }
        }
    }
}

impl Viewer {
    /// Number of the first byte this viewer has not seen.
    pub(crate) fn start(&self) -> u64 {
        self.position.load(Relaxed)
    }

    /// Copies what comes at `from`; returns the number of its first byte.
    pub(crate) fn copy(&self, from: u64, limit: usize, into: &mut Vec<u8>) -> u64 {
        self.session.scrollback.hold().copy(from, limit, into)
    }

    /// Everything before `position` was taken.
    pub(crate) fn took_until(&self, position: u64) {
        self.position.store(position, Relaxed);
        self.session.viewer_moved.notify_one();
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.session.viewers.hold().positions.remove(&self.key);
        self.session.viewer_moved.notify_one();
        self.session.viewer_left.notify_one();
    }
}
