//! Moving bytes between two sockets, both ways, until both sides have ended.
//!
//! The bytes go through a pipe inside the kernel (splice) and never through this process; where the
//! kernel cannot do that with a socket they are copied. The end of one direction is passed on while
//! the other goes on.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Bytes under way in one direction.
const BUFFER: usize = 64 << 10;
/// Asked for as the size of a pipe once much has gone through it; what a user may have of it all in all
/// is bounded, so a connection with little to carry does without.
const WIDE_PIPE: usize = 1 << 20;
const MUCH: u64 = 4 << 20;

/// A connected stream socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Takes a stream socket of either kind that was made elsewhere.
    pub(crate) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        if rustix::net::sockopt::socket_type(&descriptor)? != rustix::net::SocketType::STREAM {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        match rustix::net::sockopt::socket_domain(&descriptor)? {
            rustix::net::AddressFamily::INET | rustix::net::AddressFamily::INET6 => {
                let stream = TcpStream::from_std(descriptor.into())?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            rustix::net::AddressFamily::UNIX => {
                Ok(Self::Unix(UnixStream::from_std(descriptor.into())?))
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    /// The address of the other side, when it has one.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|peer| peer.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Reads up to the buffer's room; 0 at the end.
    pub(crate) async fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.when_readable(|| Ok(rustix::io::read(self, spare_capacity(buffer))?))
            .await
    }

    /// Writes all of `bytes`.
    pub(crate) async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.when_writable(|| self.send(bytes)).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Reads for whoever shares the socket, one task at a time; 0 at the end.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(match self {
                Self::Tcp(stream) => stream.poll_read_ready(context),
                Self::Unix(stream) => stream.poll_read_ready(context),
            })?;
            let read = || Ok(rustix::io::read(self, &mut *buffer)?);
            match self.attempt(Interest::READABLE, read) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(count) if (1..buffer.len()).contains(&count) => {
                    // There was no more: the next read waits without asking the kernel again. The
                    // end of the stream is remembered apart from this.
                    let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _forgotten = self.attempt(Interest::READABLE, drained);
                    return Poll::Ready(Ok(count));
                }
                other => return Poll::Ready(other),
            }
        }
    }

    /// Writes for whoever shares the socket, one task at a time.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(match self {
                Self::Tcp(stream) => stream.poll_write_ready(context),
                Self::Unix(stream) => stream.poll_write_ready(context),
            })?;
            match self.attempt(Interest::WRITABLE, || self.send(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    fn attempt<T>(&self, what: Interest, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.try_io(what, work),
            Self::Unix(stream) => stream.try_io(what, work),
        }
    }

    /// Reads once it can: `work` says WOULDBLOCK when there is nothing yet.
    async fn when_readable<T>(&self, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            self.readable().await?;
            match self.attempt(Interest::READABLE, &mut work) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    async fn when_writable<T>(&self, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            self.writable().await?;
            match self.attempt(Interest::WRITABLE, &mut work) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Ends both directions at once; whoever reads or writes sees it.
    pub(crate) fn shut_down(&self) {
        let _gone_already = rustix::net::shutdown(self.as_fd(), Shutdown::Both);
    }

    /// Tells the other side that nothing follows.
    pub(crate) fn end_writing(&self) -> io::Result<()> {
        match rustix::net::shutdown(self.as_fd(), Shutdown::Write) {
            // The other side is gone altogether.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Joins two sockets until both have ended; `note` hears of every piece.
pub(crate) async fn join(a: &Socket, b: &Socket, note: impl Fn(u64)) -> io::Result<()> {
    tokio::try_join!(pump(a, b, &note), pump(b, a, &note))?;
    Ok(())
}

async fn pump(from: &Socket, to: &Socket, note: &impl Fn(u64)) -> io::Result<()> {
    let (pipe_out, pipe_in) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let (mut room, mut moved) = (BUFFER, 0);
    loop {
        let taken = from
            .when_readable(|| splice_some(from, &pipe_in, room))
            .await;
        let mut count = match taken {
            Ok(0) => return to.end_writing(),
            Ok(count) => count,
            Err(error) if is_unable(&error) => return copy(from, to, note).await,
            Err(error) => return Err(error),
        };
        note(count as u64);
        if (moved..moved + count as u64).contains(&MUCH) {
            room = fcntl_setpipe_size(&pipe_in, WIDE_PIPE).unwrap_or(BUFFER);
        }
        moved += count as u64;
        while count > 0 {
            let given = to.when_writable(|| splice_some(&pipe_out, to, count));
            count -= given.await?;
        }
    }
}

fn splice_some(from: &impl AsFd, to: &impl AsFd, count: usize) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(splice(from, None, to, None, count, flags)?)
}

/// What the kernel says when a socket knows no splicing.
fn is_unable(error: &io::Error) -> bool {
    let unable = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
    unable
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

async fn copy(from: &Socket, to: &Socket, note: &impl Fn(u64)) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    while from.receive(&mut buffer).await? > 0 {
        note(buffer.len() as u64);
        to.send_all(&buffer).await?;
        buffer.clear();
    }
    to.end_writing()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Both pumps over the same pair of connections, told apart by how bytes move.
    async fn carried(spliced: bool) {
        let (outside, a) = UnixStream::pair().unwrap();
        let (b, inside) = UnixStream::pair().unwrap();
        let (a, b) = (Socket::Unix(a), Socket::Unix(b));
        let counted = Cell::new(0);
        let note = |count| counted.set(counted.get() + count);
        let content: Vec<u8> = (0..9_000_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        let (mut outside, mut inside) = (outside, inside);
        let moving = async {
            match spliced {
                true => pump(&a, &b, &note).await.unwrap(),
                false => copy(&a, &b, &note).await.unwrap(),
            }
        };
        let sending = async {
            outside.write_all(&content).await.unwrap();
            outside.shutdown().await.unwrap();
        };
        let receiving = async {
            let mut seen = Vec::new();
            inside.read_to_end(&mut seen).await.unwrap();
            seen
        };
        let ((), (), seen) = tokio::join!(moving, sending, receiving);
        assert!(seen == content, "spliced: {spliced}");
        assert_eq!(counted.get(), content.len() as u64);
    }

    #[tokio::test]
    async fn every_byte_arrives_and_is_counted_spliced_or_copied() {
        carried(true).await;
        carried(false).await;
    }

    #[tokio::test]
    async fn one_direction_ends_while_the_other_goes_on() {
        let (mut outside, a) = UnixStream::pair().unwrap();
        let (b, mut inside) = UnixStream::pair().unwrap();
        let joined =
            tokio::spawn(async move { join(&Socket::Unix(a), &Socket::Unix(b), |_| ()).await });
        outside.write_all(b"question").await.unwrap();
        outside.shutdown().await.unwrap();
        let mut question = String::new();
        inside.read_to_string(&mut question).await.unwrap();
        inside.write_all(b"answer").await.unwrap();
        drop(inside);
        let mut answer = String::new();
        outside.read_to_string(&mut answer).await.unwrap();
        assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
        joined.await.unwrap().unwrap();
    }
}
