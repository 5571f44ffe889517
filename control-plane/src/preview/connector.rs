//! The way to a service.
//!
//! On a shared host init hands out a socket that is connected to the service, and from then on
//! nobody stands between; elsewhere the bytes go over the link.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use nexus_events::id::NodeId;
use nexus_init_protocol::{ClientError, DialTarget, InitStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::HostName;
use crate::gateway::Gateway;

/// Opens a byte stream to the service at `host`, whose workspace `node` holds.
pub(super) async fn open(
    gateway: &Gateway,
    node: NodeId,
    host: HostName,
) -> io::Result<ServiceStream> {
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
