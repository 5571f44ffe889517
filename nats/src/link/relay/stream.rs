//! The handle of a relayed stream: what is read from and written to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use super::state::Changed;

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
                self.shared.follow_up(inner, Changed::NOTHING);
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
            self.shared.follow_up(inner, Changed::NOTHING);
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
            self.shared.follow_up(inner, Changed::NOTHING);
        }
        Poll::Ready(Ok(()))
    }
}
