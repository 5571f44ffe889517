//! Passing an open descriptor over a unix socket (SCM_RIGHTS).
//!
//! A descriptor travels beside exactly one byte, sent between two frames. Frames are read to their
//! length and no further, so the byte and the descriptor wait in the socket until they are asked for.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The byte beside which a descriptor travels.
pub const BESIDE: u8 = 1;

/// Sends one descriptor; it stays open here too.
pub async fn send(stream: &UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let attempt = || try_send(stream, descriptor);
    stream.async_io(Interest::WRITABLE, attempt).await
}

fn try_send(stream: &UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    let bytes = [IoSlice::new(&[BESIDE])];
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(stream.as_fd(), &bytes, &mut beside, flags)?;
    Ok(())
}

/// Receives one descriptor, closed on exec. A byte without one is an error, and so is the end.
pub async fn receive(stream: &UnixStream) -> io::Result<OwnedFd> {
    let attempt = || try_receive(stream);
    stream.async_io(Interest::READABLE, attempt).await
}

fn try_receive(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let received = recvmsg(stream.as_fd(), &mut bytes, &mut beside, flags)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut list) => list.next(),
        _ => None,
    });
    descriptors
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no descriptor came along"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_descriptor_arrives_beside_its_byte_and_nothing_else_is_taken() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let (mut kept, given) = std::os::unix::net::UnixStream::pair().unwrap();
        here.write_all(b"before").await.unwrap();
        send(&here, given.as_fd()).await.unwrap();
        here.write_all(b"after").await.unwrap();
        drop(given);

        let mut before = [0; 6];
        there.read_exact(&mut before).await.unwrap();
        let received = receive(&there).await.unwrap();
        let mut after = [0; 5];
        there.read_exact(&mut after).await.unwrap();
        assert_eq!((&before, &after), (b"before", b"after"));

        let mut received = std::os::unix::net::UnixStream::from(received);
        received.write_all(b"through").unwrap();
        drop(received);
        let mut text = String::new();
        kept.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through", "and nobody else held the other end open");
    }

    #[tokio::test]
    async fn a_byte_without_a_descriptor_is_an_error() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&[BESIDE]).await.unwrap();
        let error = receive(&there).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        drop(here);
        let error = receive(&there).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
