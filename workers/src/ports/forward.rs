//! One listener: accepting connections and carrying their bytes through init.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::{Client, ClientError, DialTarget, InitStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections of one listener at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 512;
/// Bytes under way in each direction of one connection.
const BUFFER: usize = 64 << 10;
/// After an error of accepting (out of descriptors) the next attempt waits.
const PAUSE: Duration = Duration::from_millis(100);

/// What a port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The SSH server in init.
    Ssh,
    /// A port on the workspace's loopback.
    Port(u16),
}

/// Accepts for ever. Dropped, it ends every connection it carries.
pub(super) async fn accept(listener: TcpListener, socket: PathBuf, target: Target) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut carried = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        while carried.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let socket = socket.clone();
                carried.spawn(async move {
                    if let Err(error) = carry(stream, &socket, target).await {
                        tracing::debug!(%error, ?target, "a connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, ?target, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Carries both directions; the end of one is passed on while the other goes on.
async fn carry(mut outside: TcpStream, socket: &Path, target: Target) -> anyhow::Result<()> {
    outside.set_nodelay(true)?;
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
