//! Connections to services, kept for the next request of the same workspace and port.
//!
//! On a shared host init hands out a socket that is connected to the service, and from then on
//! nobody stands between; elsewhere the bytes go over the link.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Uri;
use axum::http::uri::InvalidUri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_init_protocol::{ClientError, DialTarget, InitStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::HostName;
use crate::gateway::Gateway;

/// How long the way to a service may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: less than servers commonly do (Node: five seconds).
const KEPT: Duration = Duration::from_secs(4);
/// Idle connections kept for one port of one workspace.
const MOST_KEPT: usize = 32;

/// A client whose connections lead into workspaces.
pub(super) fn client(gateway: Gateway) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(MOST_KEPT)
        .build(Connector { gateway })
}

/// The address of `path` of a service, in the form the pool tells connections apart by.
pub(super) fn address(node: NodeId, host: HostName, path: &str) -> Result<Uri, InvalidUri> {
    let (node, workspace) = (node.uuid().simple(), host.workspace.uuid().simple());
    Uri::try_from(format!("http://{workspace}.{node}:{}{path}", host.port))
}

fn parsed(uri: &Uri) -> Option<(NodeId, HostName)> {
    let (workspace, node) = uri.host()?.split_once('.')?;
    let workspace = WorkspaceId::from_uuid(Uuid::try_parse(workspace).ok()?);
    let node = NodeId::from_uuid(Uuid::try_parse(node).ok()?);
    let host = HostName::new(workspace, uri.port_u16()?).ok()?;
    Some((node, host))
}

/// Makes connections to services.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    gateway: Gateway,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<ServiceStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let gateway = self.gateway.clone();
        Box::pin(async move {
            let (node, host) = parsed(&uri).ok_or(io::ErrorKind::InvalidInput)?;
            let opened = tokio::time::timeout(CONNECTING, open(&gateway, node, host)).await;
            Ok(TokioIo::new(opened.map_err(io::Error::from)??))
        })
    }
}

async fn open(gateway: &Gateway, node: NodeId, host: HostName) -> io::Result<ServiceStream> {
    let client = gateway.client(node, host.workspace);
    let target = DialTarget::Port(host.port);
    match client.dial_socket(&target).await {
        Ok(socket) => {
            let socket = std::net::TcpStream::from(socket);
            socket.set_nonblocking(true)?;
            let socket = TcpStream::from_std(socket)?;
            socket.set_nodelay(true)?;
            Ok(ServiceStream::Own(socket))
        }
        Err(ClientError::NotShared { .. } | ClientError::TooOld { .. }) => {
            let stream = client.dial(&target).await.map_err(io::Error::other)?;
            Ok(ServiceStream::Line(stream))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// A byte stream to a service.
#[derive(Debug)]
pub(super) enum ServiceStream {
    /// A socket of our own, connected to it.
    Own(TcpStream),
    /// By way of init.
    Line(InitStream),
}

impl Connection for ServiceStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for ServiceStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Line(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ServiceStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Line(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Line(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Own(stream) => stream.is_write_vectored(),
            Self::Line(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_flush(context),
            Self::Line(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Line(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_ports_workspaces_and_nodes_apart() {
        let (node, workspace) = (NodeId::derived("n"), WorkspaceId::derived("w"));
        let host = HostName::new(workspace, 3000).unwrap();
        let uri = address(node, host, "/a?b=c").unwrap();
        assert_eq!(parsed(&uri), Some((node, host)));
        assert_eq!(uri.path_and_query().unwrap(), "/a?b=c");
    }
}
