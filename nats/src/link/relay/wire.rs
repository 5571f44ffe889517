//! Where the frames of one stream are published.

use async_nats::{PublishError, Subject};
use bytes::Bytes;
use futures::FutureExt as _;

use crate::connect::Bus;

/// A frame that is to be published; `asks`: with a way to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) payload: Bytes,
    pub(super) asks: bool,
}

/// Where one stream is sent, and where it is heard.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) bus: Bus,
    pub(super) to: Subject,
    pub(super) back: Subject,
}

/// Why a letter was not published at once.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The connection has too much to send; later it will take this.
    Busy(Letter),
    /// There is no connection any more.
    Closed,
}

impl Wire {
    /// Publishes, waiting for room.
    pub(super) async fn publish(&self, letter: Letter) -> Result<(), PublishError> {
        let client = &self.bus.client;
        let to = self.to.clone();
        match letter.asks {
            true => {
                let back = self.back.clone();
                client.publish_with_reply(to, back, letter.payload).await
            }
            false => client.publish(to, letter.payload).await,
        }
    }

    /// Publishes without waiting.
    pub(super) fn publish_now(&self, letter: Letter) -> Result<(), Unsent> {
        // A publish that is given up before it has found room in the queue has put nothing there.
        match self.publish(letter.clone()).now_or_never() {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Unsent::Closed),
            None => Err(Unsent::Busy(letter)),
        }
    }
}
