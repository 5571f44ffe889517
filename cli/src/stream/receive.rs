//! Bytes from a socket, no more of them than are ours, and a descriptor where one comes.
//!
//! What follows the head of a reply belongs to the stream, and the socket may be given away as it
//! is: so the head is looked at first and then taken exactly. A descriptor travels with one byte.
//! Whoever reads that byte without asking for descriptors loses the descriptor for good.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg};

use super::head::Head;

/// Bytes looked at or taken at once.
const PIECE: usize = 16 << 10;
/// The most descriptors one message may bring; what is beyond is closed by the kernel.
const MOST: usize = 4;

/// The head of a reply, and not a byte after it.
pub(super) fn head(socket: BorrowedFd<'_>) -> io::Result<Head> {
    let mut bytes = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        let before = bytes.len();
        let seen = some(socket, &mut piece, RecvFlags::PEEK)?;
        bytes.extend_from_slice(&piece[..seen]);
        let head = Head::parse(&bytes)?;
        let ours = head.as_ref().map_or(bytes.len(), |head| head.length);
        exactly(socket, &mut piece[..ours - before])?;
        if let Some(head) = head {
            return Ok(head);
        }
    }
}

/// As much as comes of `length` bytes: the body of a reply that may break off.
pub(super) fn up_to(socket: BorrowedFd<'_>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match some(socket, &mut bytes[filled..], RecvFlags::empty()) {
            Ok(count) => filled += count,
            Err(_) => break,
        }
    }
    bytes.truncate(filled);
    bytes
}

/// One byte, and the descriptor that came with it.
pub(super) fn one(socket: BorrowedFd<'_>) -> io::Result<(u8, Option<OwnedFd>)> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = again(|| {
        let mut pieces = [IoSliceMut::new(&mut byte)];
        recvmsg(socket, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    // What is not kept is closed here.
    let descriptor = descriptors.flatten().last();
    Ok((byte[0], descriptor))
}

fn exactly(socket: BorrowedFd<'_>, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = some(socket, bytes, RecvFlags::empty())?;
        bytes = &mut bytes[count..];
    }
    Ok(())
}

/// At least one byte.
fn some(socket: BorrowedFd<'_>, bytes: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    match again(|| recv(socket, &mut *bytes, flags))? {
        (0, _) => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it ended the connection without an answer",
        )),
        (count, _) => Ok(count),
    }
}

/// Once more after a signal.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";

    #[test]
    fn what_follows_the_head_is_left_for_whoever_gets_the_socket() {
        let (mut server, mut socket) = UnixStream::pair().unwrap();
        server.write_all(HEAD).unwrap();
        server.write_all(b"SSH-2.0-nexus\r\n").unwrap();
        drop(server);
        assert_eq!(head(socket.as_fd()).unwrap().status, 101);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "SSH-2.0-nexus\r\n");
    }

    #[test]
    fn a_head_in_pieces_is_one_head() {
        let (mut server, mut socket) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let read = head(socket.as_fd()).unwrap();
            let mut rest = [0; 4];
            socket.read_exact(&mut rest).unwrap();
            (read.status, rest)
        });
        for byte in HEAD {
            server.write_all(&[*byte]).unwrap();
        }
        server.write_all(b"rest").unwrap();
        assert_eq!(reader.join().unwrap(), (101, *b"rest"));
    }
}
