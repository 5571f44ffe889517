//! Bare byte streams through the server: into a workspace's SSH transport or one of its ports.
//!
//! ```text
//! open:  connect ─► GET … Upgrade ─► 101 ─► bytes              (through the server)
//!                                     └──► one byte, one socket (X-Nexus-Descriptor: the server is
//!                                          out of the way, its restart ends nothing)
//! pass:  the socket to whoever started us, who then has it alone (ssh's ProxyUseFdpass)
//! copy:  splice(2) where the kernel moves bytes itself, else a buffer
//! ```
//!
//! Everything here blocks: a connection is a pair of threads, which is the cheapest way to move
//! bytes with splice, and a command has few connections.

mod connect;
mod copy;
mod head;
mod join;
mod pass;
mod receive;
mod upgrade;

pub(crate) use connect::authority;
pub(crate) use join::{over_standard_streams, to_socket};
pub(crate) use pass::{is_expected as is_socket_expected, to_parent};
pub(crate) use upgrade::{Way, open};

use std::os::fd::OwnedFd;

/// An open stream into a workspace.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The socket; blocking.
    socket: OwnedFd,
    /// Who moves the bytes.
    pub(crate) way: Way,
}
