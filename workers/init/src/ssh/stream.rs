//! The byte stream of one connection, as the SSH transport takes it.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clients::Client;

/// Read from the socket at once: a packet comes as its length, then its rest, and keystrokes as
/// packets of a few bytes.
const BUFFER: usize = 64 << 10;

/// Reads and writes the connection's socket, which stays in the hands of those who may end it.
#[derive(Debug)]
pub(super) struct ClientStream {
    client: Arc<Client>,
    buffer: Box<[u8]>,
    /// What was read and not yet taken.
    filled: Range<usize>,
}

impl ClientStream {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0..0,
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.filled.is_empty() {
            let read = this.client.socket().poll_read(context, &mut this.buffer);
            this.filled = 0..ready!(read)?;
            if !this.filled.is_empty() {
                this.client.has_spoken();
            }
        }
        let count = this.filled.len().min(buffer.remaining());
        let end = this.filled.start + count;
        buffer.put_slice(&this.buffer[this.filled.start..end]);
        this.filled.start = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.client.socket().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.client.socket().end_writing())
    }
}
