//! A stream given to whoever started us, as ssh's `ProxyUseFdpass` has it: one byte with the socket
//! on standard output, and from then on nobody is between.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::net::sockopt::socket_domain;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::Stream;

/// Whether standard output is a socket that can carry another. A program that knows nothing of
/// `ProxyUseFdpass` gives a pipe.
pub(crate) fn is_expected() -> bool {
    socket_domain(io::stdout().as_fd()).is_ok_and(|domain| domain == AddressFamily::UNIX)
}

/// Gives the stream's socket away.
///
/// # Errors
/// Nobody takes it.
pub(crate) fn to_parent(stream: Stream) -> io::Result<()> {
    give(io::stdout().as_fd(), stream.socket.as_fd())
}

fn give(to: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [socket];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let byte = [IoSlice::new(&[0])];
    loop {
        match sendmsg(to, &byte, &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other.map(|_one| ())?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::receive;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn whoever_takes_it_talks_to_the_other_side() {
        let (parent, ours) = UnixStream::pair().unwrap();
        let (socket, mut inside) = UnixStream::pair().unwrap();
        give(ours.as_fd(), socket.as_fd()).unwrap();
        drop((ours, socket));
        let (_, taken) = receive::one(parent.as_fd()).unwrap();
        let mut taken = UnixStream::from(taken.unwrap());
        taken.write_all(b"hello").unwrap();
        drop(taken);
        let mut heard = String::new();
        inside.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }
}
