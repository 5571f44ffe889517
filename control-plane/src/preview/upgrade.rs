//! What lasts: bodies that stream, and connections that became something else.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long both sides may take to become something else.
const CHANGING: Duration = Duration::from_secs(10);
/// Bytes carried at a time.
const PIECE: usize = 32 * 1024;

/// Carries bytes both ways until either side is done; `used` is called when some moved.
pub(super) async fn copy(caller: OnUpgrade, service: OnUpgrade, used: impl Fn() + Sync) {
    let both = async { tokio::try_join!(caller, service) };
    let (caller, service) = match tokio::time::timeout(CHANGING, both).await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a preview's connection was not taken over");
            return;
        }
        Err(_) => return,
    };
    let (caller_reads, caller_writes) = tokio::io::split(TokioIo::new(caller));
    let (service_reads, service_writes) = tokio::io::split(TokioIo::new(service));
    // What one side ends, the other may still answer.
    tokio::join!(
        one_way(caller_reads, service_writes, &used),
        one_way(service_reads, caller_writes, &used),
    );
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    used: &(impl Fn() + Sync),
) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        used();
        if to.write_all(&piece[..read]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // The other side may have gone first.
    let _ = to.shutdown().await;
}

/// A body that breaks off when whoever reads it may not any more.
#[derive(Debug)]
pub(super) struct Guarded {
    body: Incoming,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Access ended in the middle.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Whoever read it was shown out.
    #[error("access to the preview has ended")]
    Gone,
    /// The service hung up.
    #[error("the service hung up")]
    Service(#[from] hyper::Error),
}

impl Guarded {
    pub(super) fn new(body: Incoming, gone: CancellationToken) -> Self {
        let gone = Box::pin(gone.cancelled_owned());
        Self { body, gone }
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Broken::Gone)));
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        frame.map_err(Broken::Service)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
