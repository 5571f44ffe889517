//! Where requests come in: loopback TCP and the local socket, served until told to stop.
//!
//! Without TLS nothing beyond loopback is listened on; the local socket lets in the server's own
//! user and root, who could read its files anyway.

mod hang_up;
mod local;
mod network;
mod serve;

pub(super) use hang_up::HangUp;
pub use local::LocalSocket;
pub use network::bind_network;
pub use serve::serve;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

/// Who is at the other end of a connection, as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody over TCP.
    Network(SocketAddr),
    /// A process on this machine, over the local socket.
    Local {
        /// Its user.
        user: u32,
    },
}

/// Where requests come in.
#[derive(Debug)]
pub struct Listeners {
    /// Loopback TCP.
    pub network: Option<TcpListener>,
    /// The local socket.
    pub local: Option<LocalSocket>,
}

/// Why nothing can be listened on; the sentence says what to do instead.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Other machines could reach it, in clear text.
    #[error(
        "refusing to listen on {address}: beyond loopback it would need TLS; listen on \
         127.0.0.1:{} and reach it by `ssh -L {}:127.0.0.1:{} HOST`, or put a proxy with TLS in \
         front", address.port(), address.port(), address.port()
    )]
    BeyondLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("listening on {address}: choose another with `--listen 127.0.0.1:PORT`")]
    Network {
        /// What was asked for.
        address: SocketAddr,
        /// What the kernel says.
        #[source]
        source: std::io::Error,
    },
    /// Another server answers on the local socket.
    #[error("another nexusd answers on {path}: stop it with `nexus daemon stop`")]
    AnotherServer {
        /// Where.
        path: PathBuf,
    },
    /// The local socket cannot be made.
    #[error("listening on {path}")]
    Local {
        /// Where.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: std::io::Error,
    },
}
