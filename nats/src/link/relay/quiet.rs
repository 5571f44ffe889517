//! A unix socket that wakes nobody because what was written to it is read.
//!
//! Registered as usual, a socket tells of room whenever its peer reads: a wake-up for each write, at
//! the very moment the peer begins to work on it. Here it is registered for reading, and for writing
//! only while a write has to wait. To the event loop a socket is like a pipe that goes both ways.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};

/// What is written to.
#[derive(Debug)]
pub(super) struct QuietWriter(OwnedFd);

/// Both directions of `stream`.
pub(super) fn split(stream: UnixStream) -> io::Result<(Receiver, QuietWriter)> {
    let socket = OwnedFd::from(stream.into_std()?);
    let reader = Receiver::from_owned_fd_unchecked(socket.try_clone()?)?;
    Ok((reader, QuietWriter(socket)))
}

impl QuietWriter {
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => self.writable().await?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn writable(&self) -> io::Result<()> {
        let waiting = Sender::from_owned_fd_unchecked(self.0.try_clone()?)?;
        waiting.writable().await
    }

    /// Tells the other side that nothing follows.
    pub(super) fn end(&self) -> io::Result<()> {
        match shutdown(&self.0, Shutdown::Write) {
            // The other side is gone altogether.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// More than the socket holds, so that writes have to wait.
    fn content() -> Vec<u8> {
        (0..9_000_000_u32).map(|n| (n * 31 % 251) as u8).collect()
    }

    #[tokio::test]
    async fn every_byte_arrives_both_ways_and_so_does_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut reader, writer) = split(ours).unwrap();
        let (mut from_us, mut to_us) = theirs.into_split();
        let writing = async {
            writer.write_all(&content()).await.unwrap();
            writer.end().unwrap();
        };
        let sending = async {
            to_us.write_all(&content()).await.unwrap();
            to_us.shutdown().await.unwrap();
        };
        let (mut heard, mut read) = (Vec::new(), Vec::new());
        let ((), (), from_us, from_them) = tokio::join!(
            writing,
            sending,
            from_us.read_to_end(&mut heard),
            reader.read_to_end(&mut read),
        );
        from_us.and(from_them).unwrap();
        assert!(heard == content() && read == content());
    }

    #[tokio::test]
    async fn whoever_is_gone_is_written_to_in_vain() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut reader, writer) = split(ours).unwrap();
        drop(theirs);
        let error = writer.write_all(b"hello").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    }
}
