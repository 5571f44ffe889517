//! The worker's end: takes connections, looks at their tickets and carries their bytes to init.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::carry::carry;
use super::entry::{Entry, Guest};
use super::strangers::Stranger;
use super::wire::{GRANTED, REFUSED};
use crate::link::{DIAL, Doors};

/// After an error of accepting (out of descriptors) the next attempt waits.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until `stop`; those that are open end with it.
pub(super) async fn serve(
    listener: TcpListener,
    entry: Entry,
    doors: Arc<dyn Doors>,
    stop: CancellationToken,
) {
    let entry = Arc::new(entry);
    let mut carried = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            Some(_ended) = carried.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let (entry, doors) = (Arc::clone(&entry), Arc::clone(&doors));
                // Counted here, so that the order of accepting is the order of leaving.
                let stranger = entry.strangers.admit();
                carried.spawn(async move {
                    if let Err(error) = serve_one(&entry, &*doors, stream, stranger).await {
                        tracing::debug!(%from, %error, "a connection to the link ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the link could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_one(
    entry: &Entry,
    doors: &dyn Doors,
    stream: TcpStream,
    stranger: Stranger,
) -> io::Result<()> {
    let Guest {
        mut stream,
        workspace,
        room: _held,
    } = entry.let_in(stream, stranger).await?;
    let opened = timeout(DIAL, doors.open(workspace)).await;
    match opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))) {
        Ok(inside) => {
            stream.write_all(&[GRANTED]).await?;
            stream.flush().await?;
            carry(stream, inside).await?;
        }
        Err(reason) => {
            stream.write_all(&[REFUSED]).await?;
            stream.write_all(reason.to_string().as_bytes()).await?;
            stream.shutdown().await?;
        }
    }
    Ok(())
}
