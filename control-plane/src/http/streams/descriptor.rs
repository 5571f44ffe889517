//! Giving a connected descriptor to whoever asked over the local socket.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use nexus_init_protocol::descriptor;
use tokio::net::UnixStream;

/// Sends `given` over the connection that was upgraded, and closes that.
pub(super) async fn give(upgraded: Upgraded, given: OwnedFd) -> io::Result<()> {
    let parts = upgraded
        .downcast::<TokioIo<UnixStream>>()
        .map_err(|_| io::Error::other("descriptors pass over the local socket alone"))?;
    descriptor::send(&parts.io.into_inner(), given.as_fd()).await
}
