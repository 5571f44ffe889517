//! The worker's end of the relay: takes streams and carries their bytes to init.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nexus_events::id::NodeId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Side;
use super::pump::pump;
use super::quiet::{self, QuietWriter};
use super::shared::Shared;
use super::stream::RelayStream;
use super::table::{Asked, Place, Table};
use super::wire::Wire;
use crate::connect::Bus;
use crate::link::{DIAL, Doors};

/// Bytes copied at a time.
const BUFFER: usize = 64 << 10;
/// What came before the other side ended the stream is given to init within this.
const GRACE: Duration = Duration::from_secs(1);
/// How long the streams of a worker that ends may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);
/// After a refused subscription the next attempt waits.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes streams for `node` until `stop`.
pub(in crate::link) async fn serve(
    bus: Bus,
    node: NodeId,
    doors: Arc<dyn Doors>,
    stop: CancellationToken,
) {
    let table = Arc::new(Table::new(bus, Side::Worker(node)));
    let carried = TaskTracker::new();
    let messages = loop {
        match table.subscribe().await {
            Ok(messages) => break messages,
            Err(error) => tracing::warn!(%error, "nobody can ask for a stream"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    };
    let open = |asked: Asked| match table.grant() {
        Some(grant) => {
            let wire = Wire {
                bus: table.bus.clone(),
                to: asked.back.clone(),
                back: table.side.subject(node, asked.stream),
            };
            let shared = Arc::new(Shared::new(wire, grant, asked.limit));
            let taken = Taken {
                place: table.insert(node, asked.stream, Arc::clone(&shared)),
                shared,
            };
            carried.spawn(taken.run(Arc::clone(&doors), asked));
        }
        None => {
            let table = Arc::clone(&table);
            let refusing =
                async move { table.refuse(asked.back, "too many streams are open").await };
            carried.spawn(refusing);
        }
    };
    table.hear(messages, stop, open).await;
    carried.close();
    if tokio::time::timeout(FAREWELL, carried.wait())
        .await
        .is_err()
    {
        tracing::debug!("streams are left to notice by themselves");
    }
}

/// A stream in the table, not open yet.
struct Taken {
    place: Place,
    shared: Arc<Shared>,
}

impl Taken {
    async fn run(self, doors: Arc<dyn Doors>, asked: Asked) {
        let Self { place, shared } = self;
        let opened = tokio::time::timeout(DIAL, doors.open(asked.workspace)).await;
        let opened = opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
        let handle = RelayStream::new(Arc::clone(&shared));
        let carrying = async {
            match opened {
                Ok(inside) => {
                    shared.accept();
                    carry(&shared, handle, inside).await;
                }
                Err(error) => handle.reset(&error.to_string()),
            }
        };
        tokio::join!(carrying, pump(Arc::clone(&shared)));
        drop(place);
    }
}

/// Carries both directions; the end of one is passed on while the other goes on.
///
/// Init may end without having read all that was sent to it: what it said before is told all the
/// same. Only where nothing can be told any more is the stream given up.
async fn carry(shared: &Shared, outside: RelayStream, inside: UnixStream) {
    let over = outside.over();
    let given_up = async {
        over.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let (from_outside, to_outside) = tokio::io::split(outside);
    let copying = async {
        let (from_inside, to_inside) = quiet::split(inside)?;
        let inward = inward(from_outside, to_inside);
        let outward = outward(from_inside, to_outside);
        tokio::pin!(inward, outward);
        tokio::select! {
            told = &mut outward => {
                told?;
                heard(inward.await);
                Ok(())
            }
            result = &mut inward => {
                heard(result);
                outward.await
            }
        }
    };
    let copied: io::Result<()> = tokio::select! {
        copied = copying => copied,
        () = given_up => return,
    };
    if let Err(error) = copied {
        shared.end_with(&error.to_string());
    }
}

/// Copies to the end, which is passed on.
async fn inward(mut from: ReadHalf<RelayStream>, to: QuietWriter) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await? {
            0 => return to.end(),
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// Copies to the end, which is passed on.
async fn outward(mut from: Receiver, mut to: WriteHalf<RelayStream>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await? {
            0 => return to.shutdown().await,
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

fn heard(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "init did not hear all that was sent to it");
    }
}
