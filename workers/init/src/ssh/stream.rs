//! The byte stream of one connection, as the SSH transport takes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clients::Client;

/// Reads and writes the connection's socket, which stays in the hands of those who may end it.
#[derive(Debug)]
pub(super) struct ClientStream(Arc<Client>);

impl ClientStream {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self(client)
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.socket().poll_read(context, buffer);
        if matches!(read, Poll::Ready(Ok(()))) && !buffer.filled().is_empty() {
            self.0.has_spoken();
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.socket().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.socket().end_writing())
    }
}
