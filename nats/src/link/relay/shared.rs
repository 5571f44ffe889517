//! What handle, pump and table share of a stream: its state, and who waits for it to change.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frame::Flow;
use super::pool::Grant;
use super::state::{State, Step};

/// What handle, pump and table share of a stream.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Wakes the pump.
    pub(super) pump: Notify,
    /// Wakes whoever opens the stream.
    pub(super) opened: Notify,
    /// Cancelled when the stream is over before both directions have ended.
    pub(super) over: CancellationToken,
    _grant: Grant,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: State,
    standing: Standing,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// Whether the peer took the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not yet.
    Opening,
    /// Nobody hears at the peer's address.
    Absent,
    /// It did.
    Open,
}

impl Shared {
    pub(super) fn new(grant: Grant, limit: u64) -> Self {
        let state = State::new(grant.bytes(), limit, Instant::now());
        Self {
            inner: Mutex::new(Inner {
                state,
                standing: Standing::Opening,
                reader: None,
                writer: None,
            }),
            pump: Notify::new(),
            opened: Notify::new(),
            over: CancellationToken::new(),
            _grant: grant,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.lock().standing
    }

    /// The peer's request is granted.
    pub(super) fn accept(&self) {
        self.change(|inner| {
            inner.standing = Standing::Open;
            inner.state.accept();
        });
    }

    /// Nobody heard what was asked.
    pub(super) fn unheard(&self) {
        self.change(|inner| match inner.standing {
            Standing::Open => inner.state.unheard(Instant::now()),
            Standing::Opening | Standing::Absent => {
                inner.standing = Standing::Absent;
                self.opened.notify_one();
            }
        });
    }

    /// The peer will be asked again.
    pub(super) fn open_again(&self) {
        self.lock().standing = Standing::Opening;
    }

    /// Why the stream is over.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().state.reason().map(str::to_owned)
    }

    pub(super) fn receive(&self, flow: &Flow) {
        self.change(|inner| {
            let changed = inner.state.receive(flow, Instant::now());
            inner.wake(changed.reader, changed.writer);
            if inner.standing != Standing::Open {
                inner.standing = Standing::Open;
                self.opened.notify_one();
            }
        });
    }

    pub(super) fn ended_by_peer(&self, reason: String) {
        self.change(|inner| inner.state.ended_by_peer(reason));
    }

    pub(super) fn end_with(&self, reason: &str) {
        self.change(|inner| inner.state.end_with(reason));
    }

    pub(super) fn connection(&self, up: bool) {
        self.change(|inner| inner.state.connection(up, Instant::now()));
    }

    pub(super) fn step(&self) -> Step {
        let mut inner = self.lock();
        let step = inner.state.step(Instant::now());
        self.announce_end(&mut inner);
        step
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        self.announce_end(&mut inner);
        self.pump.notify_one();
    }

    fn announce_end(&self, inner: &mut Inner) {
        if inner.state.reason().is_some() && !self.over.is_cancelled() {
            inner.wake(true, true);
            self.over.cancel();
            self.opened.notify_one();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside a change is a bug of ours that ends the stream's own task only.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake(&mut self, reader: bool, writer: bool) {
        let reader = self.reader.take_if(|_| reader);
        let writer = self.writer.take_if(|_| writer);
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }

    /// Why nothing can be read or written any more.
    pub(super) fn error(&self) -> Option<io::Error> {
        let reason = self.state.reason()?;
        Some(io::Error::new(io::ErrorKind::ConnectionReset, reason))
    }
}
