//! From a connection of somebody unknown to a stream somebody may have.

use std::io;
use std::sync::Arc;

use nexus_events::id::WorkspaceId;
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::guarded::Guarded;
use super::strangers::{Stranger, Strangers};
use super::ticket::{Claim, Tickets};
use super::{ENTRY, ENTRY_BYTES, socket, wire};

/// Where tickets are looked at.
pub(super) struct Entry {
    pub(super) tls: TlsAcceptor,
    pub(super) tickets: Arc<Tickets>,
    pub(super) strangers: Arc<Strangers>,
    /// How many more streams may be open.
    pub(super) room: Arc<Semaphore>,
}

/// Somebody who may have a stream.
pub(super) struct Guest {
    pub(super) stream: TlsStream<BufReader<Guarded>>,
    pub(super) workspace: WorkspaceId,
    pub(super) room: OwnedSemaphorePermit,
}

impl Entry {
    /// Lets `stream` in, as far as its ticket says.
    ///
    /// # Errors
    /// It has none, or was too slow, too talkative or one too many.
    pub(super) async fn let_in(&self, stream: TcpStream, stranger: Stranger) -> io::Result<Guest> {
        let entering = timeout(ENTRY, self.look(stream));
        tokio::select! {
            () = stranger.cut.cancelled() => Err(io::Error::other("newer ones took its place")),
            entered = entering => entered?,
        }
    }

    async fn look(&self, stream: TcpStream) -> io::Result<Guest> {
        socket::prepare(&stream)?;
        let guarded = Guarded::new(stream, ENTRY_BYTES);
        let mut stream = self.tls.accept(socket::buffered(guarded)).await?;
        let mut claim = [0; wire::CLAIM];
        stream.read_exact(&mut claim).await?;
        let claim = Claim::decode(&claim).filter(|claim| self.tickets.take(claim, Instant::now()));
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let claim = claim.ok_or_else(denied)?;
        let room = Arc::clone(&self.room).try_acquire_owned();
        stream.get_mut().0.get_mut().trust();
        Ok(Guest {
            stream,
            workspace: claim.workspace,
            room: room.map_err(io::Error::other)?,
        })
    }
}
