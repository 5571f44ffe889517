//! The body of a request on its way to a service, and whether it is through.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// Whether a body was read to its end, or given up.
#[derive(Debug, Default)]
pub(super) struct Upload {
    through: Option<Arc<AtomicBool>>,
}

impl Upload {
    /// Watches over `body`.
    pub(super) fn of(body: Body) -> (Body, Self) {
        if body.is_end_stream() {
            return (body, Self::default());
        }
        let through = Arc::<AtomicBool>::default();
        let upload = Self {
            through: Some(Arc::clone(&through)),
        };
        (Body::new(Watched { body, through }), upload)
    }

    /// Whether there may be more to send.
    pub(super) fn is_under_way(&self) -> bool {
        let through = self.through.as_ref();
        through.is_some_and(|through| !through.load(Ordering::Acquire))
    }
}

/// A body that says when nobody reads it any more.
struct Watched {
    body: Body,
    through: Arc<AtomicBool>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.through.store(true, Ordering::Release);
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
