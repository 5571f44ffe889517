//! Bytes from a socket, and the descriptors that come with them.
//!
//! A descriptor travels with one byte. Whoever reads that byte without asking for descriptors
//! loses the descriptor for good, so even the head of the reply is read with this.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// The most descriptors one message may bring; what is beyond is closed by the kernel.
const MOST: usize = 4;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// The descriptors.
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Received {
    /// Waits for more; `false` at the end.
    pub(super) fn more(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut pieces = [IoSliceMut::new(&mut buffer)];
            match recvmsg(socket, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.bytes.extend_from_slice(&buffer[..received.bytes]);
        Ok(received.bytes > 0)
    }
}
