//! A tail of the log as a transport sees it: what is told next, and why it ends.
//!
//! The hub gives each client its events; here the things of the connection are added: the server
//! stops, or whoever listens may listen no more.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::AbortOnDropHandle;

use super::standing::Standing;
use crate::hub::{Subscription, TailEvent, TailItem};

/// One thing a listener is told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// An event.
    Event(Arc<TailEvent>),
    /// History is through; what comes now is live.
    CaughtUp {
        /// The newest event looked at.
        sequence: u64,
    },
}

/// Why a tail ends, and the sequence to come back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The listener did not keep up.
    Slow(u64),
    /// The listener's token was revoked or ran out.
    Unwelcome(u64),
    /// The server stops.
    ShutDown(u64),
    /// The timeline could not be read; the server's log says why.
    Failed(u64),
}

impl End {
    /// The last event told, or passed over since it was not for this listener.
    pub(crate) const fn sequence(&self) -> u64 {
        match self {
            Self::Slow(last)
            | Self::Unwelcome(last)
            | Self::ShutDown(last)
            | Self::Failed(last) => *last,
        }
    }

    /// The close code of a WebSocket (RFC 6455, and its range for applications).
    pub(crate) const fn close_code(&self) -> u16 {
        match self {
            Self::Slow(_) => 4008,
            Self::Unwelcome(_) => 4001,
            Self::ShutDown(_) => 1001,
            Self::Failed(_) => 1011,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow(_) => "too slow; come back",
            Self::Unwelcome(_) => "the token counts no more",
            Self::ShutDown(_) => "the server stops; come back",
            Self::Failed(_) => "the server failed; come back",
        })
    }
}

/// One listener's tail.
#[derive(Debug)]
pub(crate) struct Tail {
    subscription: Subscription,
    /// The listener has to go. Made once, since it is looked at with every event.
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    shutdown: CancellationToken,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl Tail {
    /// What `subscription` gives, for as long as the listener is in good standing. Needs a runtime.
    pub(crate) fn new(
        subscription: Subscription,
        standing: Standing,
        shutdown: CancellationToken,
    ) -> Self {
        let gone = shutdown.child_token();
        let watch = standing.watch(gone.clone());
        let gone = Box::pin(gone.cancelled_owned());
        Self {
            subscription,
            gone,
            shutdown,
            _watch: watch,
        }
    }

    /// What is told next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The end; asking again is pointless.
    pub(crate) async fn next(&mut self) -> Result<Told, End> {
        let item = tokio::select! {
            biased;
            () = self.gone.as_mut() => return Err(self.sent_away()),
            item = self.subscription.next() => item,
        };
        match item {
            Ok(TailItem::Event(event)) => Ok(Told::Event(event)),
            Ok(TailItem::CaughtUp { sequence }) => Ok(Told::CaughtUp { sequence }),
            Ok(TailItem::Cut { last }) => Err(End::Slow(last)),
            Ok(TailItem::Ended) => Err(End::ShutDown(self.subscription.position())),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a tail ends early"
                );
                Err(End::Failed(self.subscription.position()))
            }
        }
    }

    fn sent_away(&self) -> End {
        let last = self.subscription.position();
        if self.shutdown.is_cancelled() {
            End::ShutDown(last)
        } else {
            End::Unwelcome(last)
        }
    }
}
