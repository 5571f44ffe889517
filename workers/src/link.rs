//! The way in for the control plane: connections to init of the workspaces of this node.
//!
//! The worker connects and lets go; what is said on the connection is between the gateway and init.

use std::io;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use nexus_events::id::WorkspaceId;
use nexus_init_protocol::socket::SocketAddress;
use nexus_nats::link::Doors;
use tokio::net::UnixStream;

use crate::provider::Provider;
use crate::runtime::Runtime;

/// Init accepts at once or is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// The doors of a worker's workspaces: init's sockets, as its provider has them.
#[derive(Debug)]
pub struct InitDoors<P>(Runtime<P>);

impl<P: Provider> InitDoors<P> {
    /// Those of `runtime`'s provider.
    pub fn of(runtime: &Runtime<P>) -> Self {
        Self(runtime.clone())
    }

    async fn connect(&self, workspace: WorkspaceId) -> io::Result<UnixStream> {
        let socket = self.0.provider().init_socket(workspace);
        let connecting = async {
            let address = SocketAddress::new(&socket)?;
            UnixStream::connect(address.path()).await
        };
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(connected) => connected.map_err(in_words),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "its init does not answer",
            )),
        }
    }
}

/// A socket that is not there, or that nobody listens at, is a machine that does not run.
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            io::Error::new(error.kind(), "it does not run here")
        }
        _ => error,
    }
}

impl<P: Provider> Doors for InitDoors<P> {
    fn open(&self, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>> {
        self.connect(workspace).boxed()
    }
}
