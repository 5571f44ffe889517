//! What a client sends into one channel, taken off the connection whether or not the program behind
//! the channel reads it.
//!
//! The transport grants a channel new window as soon as bytes arrive, and then waits for whoever reads
//! the channel, all other channels of the connection with it. So bytes wait here, up to a bound. A
//! channel that is at its bound and does not move while others are open is closed, so that they live.

use std::sync::Arc;
use std::time::Duration;

use russh::{ChannelMsg, ChannelReadHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::clients::Client;

/// Bytes of one channel that may wait, in KiB.
const CHANNEL_KIB: usize = 4 << 10;
/// A full channel that takes nothing for this long is stuck.
const STUCK: Duration = Duration::from_secs(3);

type Waiting = (ChannelMsg, Option<Room>);

/// Counted among the bytes that wait, until dropped.
type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// The messages of one channel, in order.
#[derive(Debug)]
pub(super) struct Intake {
    receiver: mpsc::UnboundedReceiver<Waiting>,
}

impl Intake {
    /// Takes messages from now on.
    pub(super) fn start(client: Arc<Client>, source: ChannelReadHalf) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(take(client, source, sender));
        Self { receiver }
    }

    /// The next message, or none when the connection is over or the channel was given up. Dropping a
    /// pending call loses nothing.
    pub(super) async fn next(&mut self) -> Option<ChannelMsg> {
        let (message, _room) = self.receiver.recv().await?;
        Some(message)
    }
}

async fn take(
    client: Arc<Client>,
    mut source: ChannelReadHalf,
    sender: mpsc::UnboundedSender<Waiting>,
) {
    let own = Arc::new(Semaphore::new(CHANNEL_KIB));
    let taking = async {
        while let Some(message) = source.wait().await {
            let room = match cost(&message) {
                0 => None,
                kib => match wait_for_room(&client, &own, kib).await {
                    Some(room) => Some(room),
                    None => return,
                },
            };
            if sender.send((message, room)).is_err() {
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

/// In KiB; only data takes room worth counting.
fn cost(message: &ChannelMsg) -> u32 {
    let bytes = match message {
        ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => data.len(),
        _ => 0,
    };
    u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX)
}

/// None when the channel is stuck and holds up others.
async fn wait_for_room(client: &Client, own: &Arc<Semaphore>, kib: u32) -> Option<Room> {
    let acquire = async {
        let own = own.clone().acquire_many_owned(kib).await.ok()?;
        let shared = client.backlog().acquire_many_owned(kib).await.ok()?;
        Some((own, shared))
    };
    tokio::pin!(acquire);
    loop {
        match tokio::time::timeout(STUCK, &mut acquire).await {
            Ok(room) => return room,
            Err(_) if client.channels() > 1 => {
                tracing::info!("an SSH channel that takes nothing was closed for the others");
                return None;
            }
            Err(_) => {}
        }
    }
}
