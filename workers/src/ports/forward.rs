//! Carrying the bytes of a connection through init, for an init that takes no descriptors.

use std::path::Path;

use nexus_init_protocol::{Client, ClientError, DialTarget, InitStream};
use tokio::net::TcpStream;

/// Bytes under way in each direction of one connection.
const BUFFER: usize = 64 << 10;

/// What a port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The SSH server in init.
    Ssh,
    /// A port on the workspace's loopback.
    Port(u16),
}

/// Carries both directions; the end of one is passed on while the other goes on.
pub(super) async fn carry(
    mut outside: TcpStream,
    socket: &Path,
    target: Target,
) -> anyhow::Result<()> {
    let mut inside = dial(socket, target).await?;
    tokio::io::copy_bidirectional_with_sizes(&mut outside, &mut inside, BUFFER, BUFFER).await?;
    Ok(())
}

async fn dial(socket: &Path, target: Target) -> Result<InitStream, ClientError> {
    let client = Client::connect(socket).await?;
    match target {
        Target::Ssh => client.ssh().await,
        Target::Port(port) => client.dial(&DialTarget::Port(port)).await,
    }
}
