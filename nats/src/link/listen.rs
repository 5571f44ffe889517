//! The worker's end of the direct ways: a socket at which connected sockets are handed out, and,
//! when it is told to, a port at which TLS is spoken.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::node::LinkAddress;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::address::{self, ShortPath};
use super::tls::TlsListen;
use super::{DIAL, Doors, direct};
use crate::connect::Bus;

/// Requests answered at once; more wait in the kernel's queue.
const AT_ONCE: usize = 256;
/// After an error of accepting (out of descriptors) the next attempt waits.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a worker listens for the direct ways.
#[derive(Debug)]
pub struct LinkListen {
    socket: Option<(PathBuf, UnixListener)>,
    tls: Option<TlsListen>,
}

impl LinkListen {
    /// Nowhere: only the relay leads to this node.
    pub const fn nowhere() -> Self {
        Self {
            socket: None,
            tls: None,
        }
    }

    /// At `path`, for this user only. What a dead worker left there is replaced.
    ///
    /// # Errors
    /// It cannot be listened at.
    pub fn at(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let short = ShortPath::of(path)?;
        let listener = UnixListener::bind(short.path())?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            socket: Some((path.to_owned(), listener)),
            tls: None,
        })
    }

    /// There also, for gateways on other hosts.
    #[must_use]
    pub fn and_tls(self, tls: TlsListen) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// What the heartbeat tells of it.
    pub fn addresses(&self) -> Vec<LinkAddress> {
        let path = self.socket.as_ref().map(|(path, _)| path);
        let socket = path.and_then(|path| address::unix_socket(path).ok());
        let tls = self.tls.as_ref().map(TlsListen::address);
        socket.into_iter().chain(tls).collect()
    }

    /// Answers until `stop`.
    pub(super) async fn serve(
        self,
        bus: Bus,
        node: NodeId,
        doors: Arc<dyn Doors>,
        stop: CancellationToken,
    ) {
        let (socket_doors, socket_stop) = (Arc::clone(&doors), stop.clone());
        let at_socket = async {
            if let Some((_, listener)) = self.socket {
                accept(listener, node, socket_doors, socket_stop).await;
            }
        };
        let at_port = async {
            if let Some(tls) = self.tls {
                tls.serve(bus, node, doors, stop).await;
            }
        };
        tokio::join!(at_socket, at_port);
    }
}

async fn accept(
    listener: UnixListener,
    node: NodeId,
    doors: Arc<dyn Doors>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut answered = JoinSet::new();
    loop {
        while answered.try_join_next().is_some() {}
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let doors = Arc::clone(&doors);
                answered.spawn(async move {
                    if let Err(error) = answer(stream, node, &*doors).await {
                        tracing::debug!(%error, "a request for a way in was not answered");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a request for a way in could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, node: NodeId, doors: &dyn Doors) -> io::Result<()> {
    let whole = async {
        let wanted = direct::wanted(&mut stream).await?;
        if wanted.node != node {
            return direct::answer_elsewhere(stream).await;
        }
        let opened = doors.open(wanted.workspace).await;
        direct::answer(stream, opened).await
    };
    tokio::time::timeout(DIAL, whole).await?
}
