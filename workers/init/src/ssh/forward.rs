//! Forwarded connections, in both directions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nexus_init_protocol::ActivitySource;
use russh::server::{ChannelOpenHandle, Handle, Msg};
use russh::{Channel, ChannelOpenFailure};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::resolve;
use crate::dial::relay;
use crate::workspace::Workspace;

/// Ports one connection may have forwarded to it at the same time.
pub(super) const MAX_LISTENERS: usize = 16;
/// Below it only root may listen.
const FIRST_FREE_PORT: u32 = 1024;

/// Connects a channel to something the workspace can reach.
pub(super) async fn to_inside(
    workspace: Arc<Workspace>,
    (host, port): (String, u32),
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
) {
    let Ok(port) = u16::try_from(port) else {
        reply.reject(ChannelOpenFailure::ConnectFailed).await;
        return;
    };
    match resolve::connect(&workspace, &host, port).await {
        Ok(stream) => {
            reply.accept().await;
            pass(&workspace, stream, channel).await;
        }
        Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
    }
}

async fn pass(workspace: &Arc<Workspace>, mut stream: TcpStream, channel: Channel<Msg>) {
    let note = |count| workspace.note_activity(ActivitySource::Ssh, count);
    let ends = tokio::io::split(channel.into_stream());
    // Either side may break the connection at any time.
    let _broken = relay(ends, stream.split(), note).await;
}

/// A port inside that leads to the client, until dropped.
#[derive(Debug)]
pub(super) struct Listener(AbortHandle);

impl Listener {
    /// Listens on the workspace's loopback, whatever address was asked for: nothing that the client
    /// offers is offered to the network.
    pub(super) async fn start(
        workspace: Arc<Workspace>,
        handle: Handle,
        (address, port): (String, u32),
        is_root: bool,
    ) -> io::Result<(Self, u32)> {
        if (1..FIRST_FREE_PORT).contains(&port) && !is_root {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let wanted = u16::try_from(port).map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await?;
        let bound = u32::from(listener.local_addr()?.port());
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (workspace, handle) = (workspace.clone(), handle.clone());
                tokio::spawn(to_client(
                    workspace,
                    handle,
                    (address.clone(), bound),
                    stream,
                    peer,
                ));
            }
        });
        Ok((Self(task.abort_handle()), bound))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn to_client(
    workspace: Arc<Workspace>,
    handle: Handle,
    (address, port): (String, u32),
    stream: TcpStream,
    peer: SocketAddr,
) {
    let from = (peer.ip().to_string(), u32::from(peer.port()));
    let opened = handle
        .channel_open_forwarded_tcpip(address, port, from.0, from.1)
        .await;
    if let Ok(channel) = opened {
        pass(&workspace, stream, channel).await;
    }
}
