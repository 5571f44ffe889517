//! How init is reached: anything that opens byte streams to it.
//!
//! On the same host that is init's unix socket; from further away it is a link, over which the very
//! same protocol is spoken.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use crate::socket::SocketAddress;

/// A future in a box, as trait objects need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens byte streams to one init. Its debug output names the place in error messages.
pub trait Reach: fmt::Debug + Send + Sync + 'static {
    /// A new stream, nothing said on it yet.
    fn open(&self) -> BoxFuture<'_, io::Result<InitStream>>;
}

/// A stream in both directions whose shutdown ends one of them.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A byte stream to init.
pub enum InitStream {
    /// A unix socket that leads to init itself: descriptors can be passed.
    Unix(UnixStream),
    /// Any other stream.
    Other(Box<dyn Duplex>),
}

impl fmt::Debug for InitStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(stream) => formatter.debug_tuple("Unix").field(stream).finish(),
            Self::Other(_) => formatter.write_str("Other(..)"),
        }
    }
}

impl AsyncRead for InitStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for InitStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Other(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Init's own socket on this host.
pub(crate) struct Socket(PathBuf);

impl Socket {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.display())
    }
}

impl Reach for Socket {
    fn open(&self) -> BoxFuture<'_, io::Result<InitStream>> {
        Box::pin(async {
            let address = SocketAddress::new(&self.0)?;
            let stream = UnixStream::connect(address.path()).await?;
            Ok(InitStream::Unix(stream))
        })
    }
}
