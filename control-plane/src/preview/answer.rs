//! The body of an answer on its way from a service to whoever asked.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::lane::Lane;
use super::pool::{Place, Pool};

/// A body that reads from its connection itself, gives that back when it is done, and breaks off
/// when whoever reads it may not any more.
pub(super) struct Answer {
    body: Incoming,
    lane: Option<Lane>,
    back: (Pool, Place),
    gone: CancellationToken,
    /// Made once there is something to wait for.
    waits: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

/// Why a body ended in the middle.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Whoever read it was shown out.
    #[error("access to the preview has ended")]
    Gone,
    /// The service hung up.
    #[error("the service hung up")]
    Service(#[from] hyper::Error),
}

impl Answer {
    /// The `body` that comes over `lane`, which goes back to where it was taken from; without one,
    /// somebody else drives its connection.
    pub(super) fn new(
        body: Incoming,
        lane: Option<Lane>,
        back: (Pool, Place),
        gone: CancellationToken,
    ) -> Self {
        Self {
            body,
            lane,
            back,
            gone,
            waits: None,
        }
    }

    /// Gives the connection back, if it can be used again.
    pub(super) fn give_back(&mut self, context: &mut Context<'_>) {
        if let Some(mut lane) = self.lane.take()
            && lane.is_ready(context)
        {
            let (pool, place) = &self.back;
            pool.keep(*place, lane);
        }
    }

    /// The next piece, read from the connection where none is there yet.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let body = Pin::new(&mut self.body).poll_frame(context);
        if body.is_ready() {
            return body;
        }
        if let Some(lane) = &mut self.lane {
            lane.drive(context);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_shown_out(&mut self, context: &mut Context<'_>) -> bool {
        let gone = || Box::pin(self.gone.clone().cancelled_owned());
        let waits = self.waits.get_or_insert_with(gone);
        waits.as_mut().poll(context).is_ready()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.gone.is_cancelled() {
            return Poll::Ready(Some(Err(Broken::Gone)));
        }
        let piece = match this.poll_piece(context) {
            Poll::Ready(piece) => piece,
            Poll::Pending if this.is_shown_out(context) => {
                return Poll::Ready(Some(Err(Broken::Gone)));
            }
            Poll::Pending => return Poll::Pending,
        };
        // Nobody asks for more than a known length, or for what would follow trailers.
        let last = match &piece {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || this.body.is_end_stream(),
            Some(Err(_)) => false,
        };
        if last {
            this.give_back(context);
        }
        Poll::Ready(piece.map(|piece| piece.map_err(Broken::Service)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
