//! What a client sends into one channel, taken off the connection whether or not the program behind
//! the channel reads it.
//!
//! The transport grants a channel new window as soon as bytes arrive, and knows no other way; then it
//! waits for whoever reads the channel, all other channels of the connection with it. So bytes wait
//! here, up to a bound. A channel that is at its bound and does not move while others are open waits
//! on disk from then on, until its program reads again. Only one that fills its file as well, and
//! still does not move, is closed, so that the others live.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::{ChannelMsg, ChannelReadHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::clients::Client;
use super::spool::{Piece, Spool};

/// Bytes of one channel that may wait in memory, in KiB.
const CHANNEL_KIB: usize = 4 << 10;
/// A full channel that takes nothing for this long is stuck.
const STUCK: Duration = Duration::from_secs(3);

/// Counted among the bytes that wait, until dropped.
type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

#[derive(Debug)]
enum Waiting {
    Message(ChannelMsg),
    Bytes(ChannelMsg, Room),
    /// In the file; extended data is of a kind.
    Spooled(Arc<Spool>, Piece, Option<u32>),
}

/// The messages of one channel, in order.
#[derive(Debug)]
pub(super) struct Intake {
    receiver: mpsc::UnboundedReceiver<Waiting>,
}

impl Intake {
    /// Takes messages from now on; where they have to wait on disk, in `folder`.
    pub(super) fn start(client: Arc<Client>, source: ChannelReadHalf, folder: PathBuf) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let taking = Taking {
            own: Arc::new(Semaphore::new(CHANNEL_KIB)),
            client,
            folder,
            spool: None,
        };
        tokio::spawn(taking.run(source, sender));
        Self { receiver }
    }

    /// The next message, or none when the connection is over or the channel was given up. Dropping a
    /// pending call loses nothing.
    pub(super) async fn next(&mut self) -> Option<ChannelMsg> {
        match self.receiver.recv().await? {
            Waiting::Message(message) => Some(message),
            Waiting::Bytes(message, room) => {
                drop(room);
                Some(message)
            }
            Waiting::Spooled(spool, piece, kind) => {
                let taken = spool.take(piece);
                let data = taken
                    .inspect_err(|error| tracing::error!(%error, "what a client sent is lost"))
                    .ok()?;
                Some(match kind {
                    None => ChannelMsg::Data { data },
                    Some(ext) => ChannelMsg::ExtendedData { ext, data },
                })
            }
        }
    }
}

/// Who takes them off the connection.
struct Taking {
    client: Arc<Client>,
    own: Arc<Semaphore>,
    folder: PathBuf,
    /// While anything waits on disk, everything that follows does.
    spool: Option<Arc<Spool>>,
}

impl Taking {
    async fn run(mut self, mut source: ChannelReadHalf, sender: mpsc::UnboundedSender<Waiting>) {
        let client = self.client.clone();
        let taking = async {
            while let Some(message) = source.wait().await {
                let Some(waiting) = self.admit(message).await else {
                    return;
                };
                if sender.send(waiting).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = taking => {}
            () = client.gone() => {}
            () = sender.closed() => {}
        }
    }

    /// Where a message waits; none when the channel is stuck for good and holds up others.
    async fn admit(&mut self, message: ChannelMsg) -> Option<Waiting> {
        let (data, kind) = match &message {
            ChannelMsg::Data { data } => (data.clone(), None),
            ChannelMsg::ExtendedData { ext, data } => (data.clone(), Some(*ext)),
            _ => return Some(Waiting::Message(message)),
        };
        self.spool = self.spool.take().filter(|spool| !spool.is_empty());
        if self.spool.is_none() {
            let room = self.room(cost(&data));
            if let Some(room) = self.in_time(room).await {
                return room.map(|room| Waiting::Bytes(message, room));
            }
            tracing::info!("an SSH channel that takes nothing waits on disk for the others");
        }
        self.on_disk(&data, kind).await
    }

    async fn on_disk(&mut self, data: &Bytes, kind: Option<u32>) -> Option<Waiting> {
        let spool = match &self.spool {
            Some(spool) => spool.clone(),
            None => {
                let made = Spool::in_folder(&self.folder);
                let made = made.inspect_err(|error| tracing::error!(%error, "no room on disk"));
                self.spool.insert(Arc::new(made.ok()?)).clone()
            }
        };
        loop {
            match spool.keep(data) {
                Ok(Some(piece)) => return Some(Waiting::Spooled(spool, piece, kind)),
                Ok(None) if self.in_time(spool.progress()).await.is_some() => {}
                Ok(None) => {
                    tracing::info!("an SSH channel that takes nothing was closed for the others");
                    return None;
                }
                Err(error) => {
                    tracing::error!(%error, "what a client sends cannot be kept");
                    return None;
                }
            }
        }
    }

    fn room(&self, kib: u32) -> impl Future<Output = Option<Room>> + use<> {
        let (own, shared) = (self.own.clone(), self.client.backlog());
        async move {
            let own = own.acquire_many_owned(kib).await.ok()?;
            let shared = shared.acquire_many_owned(kib).await.ok()?;
            Some((own, shared))
        }
    }

    /// What is waited for; none when the channel is stuck and holds up others.
    async fn in_time<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(wait);
        loop {
            match tokio::time::timeout(STUCK, &mut wait).await {
                Ok(waited) => return Some(waited),
                Err(_) if self.client.channels() > 1 => return None,
                Err(_) => {}
            }
        }
    }
}

/// In KiB.
fn cost(data: &Bytes) -> u32 {
    u32::try_from(data.len().div_ceil(1 << 10)).unwrap_or(u32::MAX)
}
