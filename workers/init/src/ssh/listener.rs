//! Places inside that lead to the client: ports on loopback, unix sockets of the user.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use russh::server::Handle;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

use super::clients::Client;
use super::forward::pass;
use crate::relay::Socket;
use crate::user::Account;
use crate::workspace::Workspace;

/// Places one connection may have forwarded to it at the same time.
pub(super) const MAX_LISTENERS: usize = 16;
/// Below it only root may listen.
const FIRST_FREE_PORT: u32 = 1024;

/// What a client asked for; by it the listener is found again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// An address and a port, 0 for any.
    Port(String, u32),
    /// A unix socket.
    Socket(String),
}

impl Place {
    /// The place with the port it got.
    pub(super) fn bound_to(self, port: u32) -> Self {
        match self {
            Self::Port(address, _) => Self::Port(address, port),
            other => other,
        }
    }
}

/// A place that leads to the client, until dropped.
#[derive(Debug)]
pub(super) struct Listener {
    task: AbortHandle,
    /// Removed at the end, with the rights of its owner.
    socket: Option<(PathBuf, Account)>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
        if let Some((path, account)) = self.socket.take() {
            tokio::spawn(crate::user::as_account(account, || fs::remove_file(path)));
        }
    }
}

/// Who a listener leads to.
#[derive(Clone)]
struct Way {
    workspace: Arc<Workspace>,
    client: Arc<Client>,
    handle: Handle,
}

impl Listener {
    /// Listens at a place; the number of its port, 0 when it is a socket.
    pub(super) async fn start(
        workspace: Arc<Workspace>,
        client: Arc<Client>,
        handle: Handle,
        place: Place,
    ) -> io::Result<(Self, u32)> {
        let way = Way {
            workspace,
            client,
            handle,
        };
        match place {
            Place::Port(address, port) => at_port(way, address, port).await,
            Place::Socket(path) => at_socket(way, path).await,
        }
    }
}

/// Listens on the workspace's loopback, whatever address was asked for: nothing that the client
/// offers is offered to the network.
async fn at_port(way: Way, address: String, port: u32) -> io::Result<(Listener, u32)> {
    let is_root = way.workspace.context().account.uid == 0;
    if (1..FIRST_FREE_PORT).contains(&port) && !is_root {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let wanted = u16::try_from(port).map_err(io::Error::other)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await?;
    let bound = u32::from(listener.local_addr()?.port());
    let task = tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let _still_works = stream.set_nodelay(true);
            let (way, address) = (way.clone(), address.clone());
            tokio::spawn(async move {
                port_to_client(way, (address, bound), peer, Socket::Tcp(stream)).await;
            });
        }
    });
    let task = task.abort_handle();
    Ok((Listener { task, socket: None }, bound))
}

async fn port_to_client(way: Way, (address, port): (String, u32), peer: SocketAddr, from: Socket) {
    let Some(slot) = way.client.open_channel() else {
        return;
    };
    let (host, number) = (peer.ip().to_string(), u32::from(peer.port()));
    let opening = way
        .handle
        .channel_open_forwarded_tcpip(address, port, host, number);
    if let Ok(channel) = opening.await {
        pass(&way.workspace, slot, &from, channel).await;
    }
}

/// Listens with the rights of the work user, who may have planted a link there.
async fn at_socket(way: Way, path: String) -> io::Result<(Listener, u32)> {
    let context = way.workspace.context();
    let full = context.account.home.join(&path);
    let place = full.clone();
    let listener = crate::user::as_account(context.account.clone(), move || {
        let listener = std::os::unix::net::UnixListener::bind(&place)?;
        listener.set_nonblocking(true)?;
        Ok::<_, io::Error>(listener)
    });
    let listener = UnixListener::from_std(listener.await??)?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (way, path) = (way.clone(), path.clone());
            tokio::spawn(socket_to_client(way, path, Socket::Unix(stream)));
        }
    });
    let (task, socket) = (task.abort_handle(), Some((full, context.account.clone())));
    Ok((Listener { task, socket }, 0))
}

async fn socket_to_client(way: Way, path: String, from: Socket) {
    let Some(slot) = way.client.open_channel() else {
        return;
    };
    let opening = way.handle.channel_open_forwarded_streamlocal(path);
    if let Ok(channel) = opening.await {
        pass(&way.workspace, slot, &from, channel).await;
    }
}
