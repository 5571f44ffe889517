//! An open descriptor handed to another process of this host, with one byte that carries it.
//!
//! The kernel attaches a descriptor to a byte of the stream, so whoever reads that byte by other
//! means loses the descriptor: both sides must agree on where it comes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Sends `byte`, and `descriptor` with it.
///
/// # Errors
/// The other side is gone, or the kernel refuses.
pub(super) async fn send(
    stream: &UnixStream,
    byte: u8,
    descriptor: BorrowedFd<'_>,
) -> io::Result<()> {
    let sent = stream.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor];
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let bytes = [byte];
        let bytes = [IoSlice::new(&bytes)];
        Ok(sendmsg(
            stream.as_fd(),
            &bytes,
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )?)
    });
    sent.await.map(|_one| ())
}

/// The next byte, and the descriptor that came with it, if one did.
///
/// # Errors
/// The stream ended ([`io::ErrorKind::UnexpectedEof`]) or failed.
pub(super) async fn receive(stream: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let received = stream.async_io(Interest::READABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut bytes = [IoSliceMut::new(&mut byte)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let message = recvmsg(stream.as_fd(), &mut bytes, &mut ancillary, flags)?;
        if message.bytes == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok((byte[0], first_descriptor(&mut ancillary)))
    });
    received.await
}

/// What is not kept is closed here, so that nobody can fill our table of descriptors.
fn first_descriptor(ancillary: &mut RecvAncillaryBuffer<'_>) -> Option<OwnedFd> {
    let mut found = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            found = descriptors.fold(found, |first, next| first.or(Some(next)));
        }
    }
    found
}
