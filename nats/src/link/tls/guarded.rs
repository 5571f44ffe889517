//! A connection of somebody unknown: only so many bytes are read of it until it is trusted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection, with what may still be read of it.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    /// `None`: as much as comes.
    left: Option<usize>,
}

impl Guarded {
    pub(super) const fn new(stream: TcpStream, most: usize) -> Self {
        Self {
            stream,
            left: Some(most),
        }
    }

    /// From now on nothing is counted.
    pub(super) const fn trust(&mut self) {
        self.left = None;
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if let Some(left) = &mut self.left {
            let came = buffer.filled().len() - before;
            *left = left.checked_sub(came).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "more was sent than a ticket takes",
                )
            })?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
