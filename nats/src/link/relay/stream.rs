//! The handle of a relayed stream: what is read from and written to.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frame::Flow;
use super::pool::Grant;
use super::state::{State, Step};

/// One end of a relayed stream. See the module for what dropping it does.
#[derive(Debug)]
pub struct RelayStream {
    shared: Arc<Shared>,
}

impl RelayStream {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Ends the stream at once; the other side is told `reason`.
    pub fn reset(self, reason: &str) {
        self.shared.end_with(reason);
    }

    /// Is cancelled when the stream is over before both directions have ended.
    pub(super) fn over(&self) -> CancellationToken {
        self.shared.over.clone()
    }
}

impl Drop for RelayStream {
    fn drop(&mut self) {
        self.shared
            .change(|inner| inner.state.drop_handle(Instant::now()));
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        let incoming = inner.state.incoming();
        if incoming.read(buffer) > 0 || buffer.remaining() == 0 {
            if incoming.must_tell() {
                self.shared.pump.notify_one();
            }
            return Poll::Ready(Ok(()));
        }
        if incoming.has_ended() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = inner.error() {
            return Poll::Ready(Err(error));
        }
        inner.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.shared.lock();
        if let Some(error) = inner.error() {
            return Poll::Ready(Err(error));
        }
        if inner.state.outgoing().has_ended() {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        }
        let taken = inner.state.outgoing().push(bytes);
        if taken > 0 || bytes.is_empty() {
            self.shared.pump.notify_one();
            return Poll::Ready(Ok(taken));
        }
        inner.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        if let Some(error) = inner.error() {
            return Poll::Ready(Err(error));
        }
        if !inner.state.outgoing().has_ended() {
            inner.state.outgoing().end();
            self.shared.pump.notify_one();
        }
        Poll::Ready(Ok(()))
    }
}

/// What handle, pump and table share of a stream.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Wakes the pump.
    pub(super) pump: Notify,
    /// Wakes whoever opens the stream.
    pub(super) opened: Notify,
    over: CancellationToken,
    _grant: Grant,
}

#[derive(Debug)]
struct Inner {
    state: State,
    standing: Standing,
    reader: Option<Waker>,
    writer: Option<Waker>,
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

    fn change(&self, change: impl FnOnce(&mut Inner)) {
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
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

    fn error(&self) -> Option<io::Error> {
        let reason = self.state.reason()?;
        Some(io::Error::new(io::ErrorKind::ConnectionReset, reason))
    }
}
