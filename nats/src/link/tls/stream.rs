//! The gateway's handle of a stream over TLS.
//!
//! TLS keeps what it has encrypted and the socket did not take. Those who write to a stream do not
//! flush it as a rule, so whatever is left over is pushed by a task of its own; until then nothing
//! more is taken.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client;
use tokio_util::sync::CancellationToken;

use super::linger::linger;

/// One end of a stream over TLS. Dropping it sends what was written before, then ends it.
#[derive(Debug)]
pub struct TlsStream {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    /// Nothing is pushed any more.
    over: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    tls: client::TlsStream<BufReader<TcpStream>>,
    /// A task pushes what the socket did not take.
    pushing: bool,
    /// Who waits for it.
    writer: Option<Waker>,
    /// Which directions have ended.
    read_to_end: bool,
    written_to_end: bool,
}

impl TlsStream {
    pub(super) fn new(tls: client::TlsStream<BufReader<TcpStream>>) -> Self {
        let inner = Inner {
            tls,
            pushing: false,
            writer: None,
            read_to_end: false,
            written_to_end: false,
        };
        Self {
            shared: Arc::new(Shared {
                inner: Mutex::new(inner),
                over: CancellationToken::new(),
            }),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic below is a bug of the stream's own; nothing else is kept here.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes until the socket has taken all.
    async fn push(self: Arc<Self>) {
        let pushing = std::future::poll_fn(|context| {
            let mut inner = self.lock();
            // An error is met again by whoever writes or reads next.
            let _taken = ready!(Pin::new(&mut inner.tls).poll_flush(context));
            inner.pushing = false;
            Poll::Ready(inner.writer.take())
        });
        tokio::select! {
            writer = pushing => writer.into_iter().for_each(Waker::wake),
            () = self.over.cancelled() => {}
        }
    }
}

impl Inner {
    /// Ready while nothing is being pushed.
    fn poll_pushed(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.pushing {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Another name for what the peer did not end in good order.
fn reset(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::ConnectionReset, error),
        _ => error,
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        let before = buffer.remaining();
        ready!(Pin::new(&mut inner.tls).poll_read(context, buffer)).map_err(reset)?;
        if before > 0 && before == buffer.remaining() {
            inner.read_to_end = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.shared.lock();
        if inner.written_to_end {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        }
        ready!(inner.poll_pushed(context));
        let taken = ready!(Pin::new(&mut inner.tls).poll_write(context, bytes))?;
        if Pin::new(&mut inner.tls).poll_flush(context).is_pending() {
            inner.pushing = true;
            tokio::spawn(Arc::clone(&self.shared).push());
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        ready!(inner.poll_pushed(context));
        Pin::new(&mut inner.tls).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        ready!(inner.poll_pushed(context));
        inner.written_to_end = true;
        Pin::new(&mut inner.tls).poll_shutdown(context)
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        let inner = self.shared.lock();
        let ended = inner.read_to_end && inner.written_to_end && !inner.pushing;
        drop(inner);
        // Without a runtime nothing can be sent any more.
        if !ended && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let last = Last(Arc::clone(&self.shared));
            runtime.spawn(linger(last));
        }
    }
}

/// What a dropped handle leaves to do; when that is done or given up, nothing is pushed any more.
struct Last(Arc<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.over.cancel();
    }
}

impl AsyncRead for Last {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().tls).poll_read(context, buffer)
    }
}

impl AsyncWrite for Last {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.lock().tls).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().tls).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        ready!(inner.poll_pushed(context));
        Pin::new(&mut inner.tls).poll_shutdown(context)
    }
}
