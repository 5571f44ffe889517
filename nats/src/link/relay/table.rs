//! The streams of one side: finds the one a message is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures::StreamExt as _;
use nexus_events::id::{NodeId, WorkspaceId};
use tokio_util::sync::CancellationToken;

use super::address::{Side, StreamId};
use super::frame::Frame;
use super::pool::{Grant, Pool};
use super::shared::{Shared, Standing};
use crate::connect::Bus;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) bus: Bus,
    pub(super) side: Side,
    pool: Pool,
    /// By the subject each is heard on, which says the node: another node's frames are no frames
    /// of the stream.
    streams: Mutex<HashMap<String, Arc<Shared>>>,
}

/// A request for a stream that is not in the table.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) stream: StreamId,
    pub(super) workspace: WorkspaceId,
    pub(super) limit: u64,
    pub(super) back: Subject,
}

/// A stream's place in the table; leaving it when dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    heard: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().remove(&self.heard);
    }
}

impl Table {
    pub(super) fn new(bus: Bus, side: Side) -> Self {
        Self {
            bus,
            side,
            pool: Pool::default(),
            streams: Mutex::default(),
        }
    }

    /// Hears everything for this side.
    pub(super) async fn subscribe(&self) -> Result<Subscriber, async_nats::SubscribeError> {
        self.bus.client.subscribe(self.side.all()).await
    }

    /// A window for a new stream, while there is memory.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.pool.take()
    }

    pub(super) fn insert(
        self: &Arc<Self>,
        node: NodeId,
        stream: StreamId,
        shared: Arc<Shared>,
    ) -> Place {
        let heard = self.side.subject(node, stream).to_string();
        self.lock().insert(heard.clone(), shared);
        let table = Arc::clone(self);
        Place { table, heard }
    }

    /// Hears until `stop`; new streams are handed to `open`.
    pub(super) async fn hear(
        &self,
        mut messages: Subscriber,
        stop: CancellationToken,
        open: impl Fn(Asked),
    ) {
        let hearing = async {
            while let Some(message) = messages.next().await {
                if let Some(asked) = self.take(message).await {
                    open(asked);
                }
            }
        };
        stop.run_until_cancelled(hearing).await;
        let streams: Vec<_> = self.lock().values().cloned().collect();
        for stream in streams {
            stream.end_with("the other side is ending");
        }
    }

    async fn take(&self, message: Message) -> Option<Asked> {
        let stream = StreamId::of(&message.subject)?;
        let known = self.lock().get(message.subject.as_str()).cloned();
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            known.iter().for_each(|shared| shared.unheard());
            return None;
        }
        match (Frame::decode(&message.payload)?, known) {
            (Frame::Flow(flow), Some(shared)) => shared.receive(&flow),
            (Frame::Reset { reason }, Some(shared)) => shared.ended_by_peer(reason),
            // Asked for once more, because the answer was lost.
            (Frame::Open { .. }, Some(shared)) => {
                if shared.standing() == Standing::Open {
                    shared.accept();
                }
            }
            (Frame::Open { workspace, limit }, None) => {
                let back = message.reply?;
                return self.side.may_answer(&back).then_some(Asked {
                    stream,
                    workspace,
                    limit,
                    back,
                });
            }
            (Frame::Foreign, _) => {
                let reason = "another version of the link is spoken here";
                self.refuse(message.reply?, reason).await;
            }
            (Frame::Flow(_), None) => self.refuse(message.reply?, "there is no such stream").await,
            (Frame::Reset { .. }, None) => {}
        }
        None
    }

    /// Ends a stream that is not in the table, for whoever asks about it.
    pub(super) async fn refuse(&self, back: Subject, reason: &str) {
        if !self.side.may_answer(&back) {
            return;
        }
        let reason = reason.to_owned();
        let refused = self
            .bus
            .client
            .publish(back, Frame::Reset { reason }.encode());
        if let Err(error) = refused.await {
            tracing::debug!(%error, "a stream could not be refused");
        }
    }

    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Shared>>> {
        // Every change is a single insert or remove, so a panic elsewhere leaves nothing torn.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
