//! What handle, pump and table share of a stream: its state, and who waits for it to change.
//!
//! Every change is followed up where it was made: what is to be sent because of it is published by
//! whoever made it. Only when the connection has no room, or for a moment that comes earlier than
//! the one the pump sleeps until, is the pump woken.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frame::Flow;
use super::pool::Grant;
use super::state::{Changed, State, Step};
use super::wire::{Letter, Unsent, Wire};

/// What handle, pump and table share of a stream.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Where it is sent.
    pub(super) wire: Wire,
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
    pump: Pump,
    /// What the connection had no room for; before anything else.
    unsent: Option<Letter>,
}

/// What the pump does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pump {
    /// It publishes, nobody else may; then it looks again.
    Publishes,
    /// It sleeps until then, unless woken.
    Sleeps(Instant),
}

/// What the pump is to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Publish this.
    Send(Letter),
    /// Nothing, until this moment or until it is woken.
    Wait(Instant),
    /// The stream is over.
    Done,
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
    pub(super) fn new(wire: Wire, grant: Grant, limit: u64) -> Self {
        let state = State::new(grant.bytes(), limit, Instant::now());
        Self {
            inner: Mutex::new(Inner {
                state,
                standing: Standing::Opening,
                reader: None,
                writer: None,
                // It has not begun; it will look then.
                pump: Pump::Publishes,
                unsent: None,
            }),
            wire,
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
            if inner.standing != Standing::Open {
                inner.standing = Standing::Open;
                self.opened.notify_one();
            }
            inner.state.receive(flow, Instant::now())
        });
    }

    pub(super) fn ended_by_peer(&self, reason: String) {
        self.change(|inner| inner.state.ended_by_peer(reason));
    }

    /// There is no connection any more to say anything over.
    pub(super) fn closed(&self) {
        self.ended_by_peer("the connection to NATS is closed".into());
    }

    pub(super) fn end_with(&self, reason: &str) {
        self.change(|inner| inner.state.end_with(reason));
    }

    pub(super) fn connection(&self, up: bool) {
        self.change(|inner| inner.state.connection(up, Instant::now()));
    }

    /// What the pump is to do; what it is told to send, it has sent when it asks again.
    pub(super) fn next(&self) -> Next {
        let mut inner = self.lock();
        inner.pump = Pump::Publishes;
        if let Some(letter) = inner.unsent.take() {
            return Next::Send(letter);
        }
        let step = inner.state.step(Instant::now());
        self.announce_end(&mut inner);
        match step {
            Step::Send(letter) => Next::Send(letter),
            Step::Wait(until) => {
                inner.pump = Pump::Sleeps(until);
                Next::Wait(until)
            }
            Step::Done => Next::Done,
        }
    }

    /// Makes a change, and all that follows from it.
    pub(super) fn change<C: Into<Changed>>(&self, change: impl FnOnce(&mut Inner) -> C) {
        let mut inner = self.lock();
        let changed = change(&mut inner).into();
        self.follow_up(inner, changed);
    }

    /// Publishes what is due after a change, and wakes who waits for it.
    pub(super) fn follow_up(&self, mut inner: MutexGuard<'_, Inner>, changed: Changed) {
        self.announce_end(&mut inner);
        let pump_is_late = self.publish_due(&mut inner);
        self.announce_end(&mut inner);
        let wakers = inner.wakers(changed);
        // Whoever is woken begins at once and wants the lock.
        drop(inner);
        // The last one woken runs first, and that is to be whom the bytes are for.
        if pump_is_late {
            self.pump.notify_one();
        }
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Gives whether the pump has something to do before it would wake.
    fn publish_due(&self, inner: &mut Inner) -> bool {
        let Pump::Sleeps(until) = inner.pump else {
            return false;
        };
        if inner.unsent.is_some() {
            return true;
        }
        let now = Instant::now();
        loop {
            let due = inner.state.due(now);
            if due > now {
                return due < until;
            }
            let letter = match inner.state.step(now) {
                Step::Send(letter) => letter,
                Step::Wait(due) => return due < until,
                Step::Done => return true,
            };
            match self.wire.publish_now(letter) {
                Ok(()) => {}
                Err(Unsent::Busy(letter)) => {
                    inner.unsent = Some(letter);
                    return true;
                }
                Err(Unsent::Closed) => {
                    let reason = "the connection to NATS is closed".into();
                    inner.state.ended_by_peer(reason);
                    return true;
                }
            }
        }
    }

    fn announce_end(&self, inner: &mut Inner) {
        if inner.state.reason().is_some() && !self.over.is_cancelled() {
            let wakers = inner.wakers(Changed::ALL);
            wakers.into_iter().flatten().for_each(Waker::wake);
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
    fn wakers(&mut self, changed: Changed) -> [Option<Waker>; 2] {
        let reader = self.reader.take_if(|_| changed.reader);
        [self.writer.take_if(|_| changed.writer), reader]
    }

    /// Why nothing can be read or written any more.
    pub(super) fn error(&self) -> Option<io::Error> {
        let reason = self.state.reason()?;
        Some(io::Error::new(io::ErrorKind::ConnectionReset, reason))
    }
}
