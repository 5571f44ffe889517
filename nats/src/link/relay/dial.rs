//! The gateway's end of the relay: asks a worker for a stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::address::{Side, StreamId};
use super::frame::Frame;
use super::pump::pump;
use super::shared::{Shared, Standing};
use super::stream::RelayStream;
use super::table::Table;
use super::wire::{Letter, Wire};
use crate::connect::Bus;
use crate::link::direct::Wanted;
use crate::link::{DIAL, LinkError};

/// A request is made again after this: it, or its answer, may have been lost.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a worker that does not hear may be about to reconnect.
const ABSENCE: Duration = Duration::from_secs(3);
/// Between two looks whether it hears again.
const LOOK: Duration = Duration::from_millis(200);

/// Opens relayed streams.
#[derive(Debug)]
pub(in crate::link) struct Dialer {
    table: Arc<Table>,
    stop: CancellationToken,
    hearing: OnceCell<()>,
}

impl Dialer {
    /// Over `bus`, until `stop`.
    pub(in crate::link) fn new(bus: &Bus, stop: CancellationToken) -> Self {
        let side = Side::Gateway(Uuid::now_v7());
        Self {
            table: Arc::new(Table::new(bus.clone(), side)),
            stop,
            hearing: OnceCell::new(),
        }
    }

    /// A stream to the wanted workspace.
    pub(in crate::link) async fn open(&self, wanted: Wanted) -> Result<RelayStream, LinkError> {
        let node = wanted.node;
        self.hear(wanted).await?;
        let grant = self.table.grant().ok_or(LinkError::Full { node })?;
        let limit = grant.bytes() as u64;
        let stream = StreamId::draw();
        let wire = Wire {
            bus: self.table.bus.clone(),
            to: Side::Worker(node).subject(node, stream),
            back: self.table.side.subject(node, stream),
        };
        let shared = Arc::new(Shared::new(wire, grant, 0));
        let place = self.table.insert(node, stream, Arc::clone(&shared));
        let pumping = pump(Arc::clone(&shared));
        tokio::spawn(async move {
            pumping.await;
            drop(place);
        });
        // Its drop tells the worker, also when whoever waits here gives up.
        let handle = RelayStream::new(Arc::clone(&shared));
        let opening = Opening { shared, wanted };
        match tokio::time::timeout(DIAL, opening.wait(limit)).await {
            Ok(opened) => opened.map(|()| handle),
            Err(_) => Err(LinkError::TimedOut {
                node,
                seconds: DIAL.as_secs(),
            }),
        }
    }

    /// How many streams are open or being opened.
    pub(in crate::link) fn streams(&self) -> usize {
        self.table.len()
    }

    /// Hears answers from the first stream on.
    async fn hear(&self, wanted: Wanted) -> Result<(), LinkError> {
        let start = || async {
            let messages = self.table.subscribe().await?;
            let (table, stop) = (Arc::clone(&self.table), self.stop.clone());
            // Nobody opens streams to a gateway.
            tokio::spawn(async move { table.hear(messages, stop, |_| ()).await });
            Ok(())
        };
        let started = self.hearing.get_or_try_init(start).await;
        started
            .map(|_| ())
            .map_err(|source: async_nats::SubscribeError| LinkError::Bus {
                node: wanted.node,
                workspace: wanted.workspace,
                source: source.into(),
            })
    }
}

/// A stream that the worker has not taken yet.
struct Opening {
    shared: Arc<Shared>,
    wanted: Wanted,
}

impl Opening {
    async fn wait(self, limit: u64) -> Result<(), LinkError> {
        let Wanted { node, workspace } = self.wanted;
        let absent_at = Instant::now() + ABSENCE;
        loop {
            self.ask(limit).await?;
            let answered = self.shared.opened.notified();
            let in_time = tokio::time::timeout(AGAIN, answered).await.is_ok();
            if let Some(reason) = self.shared.reason() {
                return Err(LinkError::Refused {
                    node,
                    workspace,
                    reason,
                });
            }
            match self.shared.standing() {
                Standing::Open => return Ok(()),
                Standing::Absent if Instant::now() >= absent_at => {
                    return Err(LinkError::Absent { node });
                }
                Standing::Absent => {
                    self.shared.open_again();
                    tokio::time::sleep(LOOK).await;
                }
                Standing::Opening => {
                    tracing::debug!(%node, in_time, "asked again for a stream");
                }
            }
        }
    }

    async fn ask(&self, limit: u64) -> Result<(), LinkError> {
        let Wanted { node, workspace } = self.wanted;
        let letter = Letter {
            payload: Frame::Open { workspace, limit }.encode(),
            asks: true,
        };
        let asked = self.shared.wire.publish(letter).await;
        asked.map_err(|source| LinkError::Bus {
            node,
            workspace,
            source: source.into(),
        })
    }
}
