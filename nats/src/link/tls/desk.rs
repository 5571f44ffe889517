//! The worker's end of giving tickets: hears who asks for one, and tells it over NATS.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use futures::StreamExt as _;
use nexus_events::id::NodeId;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ticket::Tickets;
use super::{TICKETS, wire};
use crate::connect::Bus;
use crate::link::relay::address::{Side, StreamId};

/// After a refused subscription the next attempt waits.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives tickets for the streams of one node.
pub(super) struct Desk {
    pub(super) bus: Bus,
    pub(super) node: NodeId,
    pub(super) tickets: Arc<Tickets>,
    /// How many more streams may be open.
    pub(super) room: Arc<Semaphore>,
}

impl Desk {
    /// Until `stop`.
    pub(super) async fn serve(self, stop: CancellationToken) {
        let subject = format!("{TICKETS}.{}", self.node);
        let mut messages = loop {
            match self.bus.client.subscribe(subject.clone()).await {
                Ok(messages) => break messages,
                Err(error) => tracing::warn!(%error, "nobody can ask for a ticket"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                message = messages.next() => match message {
                    Some(message) => self.answer(message).await,
                    None => return,
                },
            }
        }
    }

    async fn answer(&self, message: Message) {
        let Some(back) = message.reply else { return };
        // A subject that somebody names is used only when it leads to a gateway's streams.
        if !Side::Worker(self.node).may_answer(&back) {
            return;
        }
        let Some(stream) = StreamId::of(&back) else {
            return;
        };
        let given = match wire::asked(&message.payload) {
            None => Err("another version of the link is spoken here"),
            Some(_) if self.room.available_permits() == 0 => Err("too many streams are open"),
            Some(workspace) => self
                .tickets
                .give(stream, workspace, Instant::now())
                .ok_or("too many tickets are out"),
        };
        if let Err(error) = self.bus.client.publish(back, wire::answer(given)).await {
            tracing::debug!(%error, "a ticket could not be told");
        }
    }
}
