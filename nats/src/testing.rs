//! Nats-servers of a test's own, gone with the test: one on a free port, or three as a cluster.

mod cluster_files;
mod group;
mod hosts;
pub mod outside;
mod trio;

mod messages;

use std::time::Duration;

use bytes::Bytes;
use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use tempfile::TempDir;

pub use self::messages::Messages;

use crate::call::CallError;
use crate::connect::{Bus, Options, Role};
use crate::embedded::{ChildState, Durability, Embedded, EmbeddedError, EmbeddedOptions};
use crate::topology::{self, Replicas};

pub use cluster_files::ClusterFiles;
pub use trio::{Trio, TrioError};

/// Publishes these bytes as they are and waits until a stream has them, or refuses them: what a
/// program that has lost its mind would do.
///
/// # Errors
/// When nobody answers.
pub async fn publish_raw(bus: &Bus, subject: &str, payload: &[u8]) -> Result<(), CallError> {
    let payload = Bytes::copy_from_slice(payload);
    let (attempt, patience) = ("publishing nonsense", Duration::from_secs(5));
    let answer =
        bus.call::<serde_json::Value>(attempt, subject.to_owned(), None, payload, patience);
    match answer.await {
        Err(CallError::Refused { .. }) => Ok(()),
        answer => answer.map(drop),
    }
}

/// The node whose worker every server of a test has a user for, with the provider `fake`.
pub fn node() -> NodeId {
    NodeId::derived("the node of a test")
}

/// Another one like it.
pub fn other_node() -> NodeId {
    NodeId::derived("the other node of a test")
}

/// A running server with empty streams. Uses the same child as `nexusd` does.
#[derive(Debug)]
pub struct TestServer {
    embedded: Embedded,
    // Removed after the server has ended: fields are dropped in order.
    folder: TempDir,
}

impl TestServer {
    /// Starts one that does not wait for the disk.
    ///
    /// # Panics
    /// When there is no nats-server, or it does not start.
    pub async fn start() -> Self {
        Self::with(Durability::Relaxed).await
    }

    /// Starts one with this promise about the disk.
    ///
    /// # Panics
    /// When there is no nats-server, or it does not start.
    pub async fn with(durability: Durability) -> Self {
        Self::try_with(durability)
            .await
            .expect("a nats-server for this test; run `./dev up` once")
    }

    async fn try_with(durability: Durability) -> Result<Self, EmbeddedError> {
        let folder = tempfile::Builder::new()
            .prefix("nexus-nats-")
            .tempdir()
            .map_err(|source| EmbeddedError::File {
                attempt: "making",
                path: std::env::temp_dir(),
                source,
            })?;
        let options = EmbeddedOptions::new(folder.path())
            .durability(durability)
            .worker(node(), Provider::Fake)
            .worker(other_node(), Provider::Fake);
        Ok(Self {
            embedded: Embedded::start(options).await?,
            folder,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        self.embedded.url()
    }

    /// How to connect as `role`.
    pub fn options(&self, role: Role) -> Options {
        self.embedded.options(role)
    }

    /// The child.
    pub const fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// The folder it keeps everything in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A connection as the control plane, with the streams made.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn bus(&self) -> Bus {
        let bus = self.bus_as(Role::ControlPlane).await;
        topology::ensure(&bus, Replicas(1))
            .await
            .expect("the streams of this test");
        bus
    }

    /// A connection as the worker of [`node`].
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn worker_bus(&self) -> Bus {
        self.bus_as(Role::Worker(node())).await
    }

    /// A connection as `role`, without making streams.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn bus_as(&self, role: Role) -> Bus {
        Bus::connect(self.options(role))
            .await
            .expect("a connection for this test")
    }

    /// `kill -9`, and it stays dead.
    pub fn kill(&self) {
        self.embedded.supervisor().kill();
    }

    /// `kill -9`; its supervisor starts it again on the same port, as in production.
    pub fn crash(&self) {
        self.embedded.supervisor().crash();
    }

    /// Starts a killed one again on the same port, and waits until it answers.
    ///
    /// # Panics
    /// When it does not come back within 15 s.
    pub async fn restart(&self) {
        self.embedded.supervisor().resume();
        let running = |state: &ChildState| matches!(state, ChildState::Running { .. });
        let mut state = self.embedded.state();
        let again = tokio::time::timeout(Duration::from_secs(15), state.wait_for(running));
        // What is waited for is a lock on the state: it must be gone before anything else.
        let again = matches!(again.await, Ok(Ok(_)));
        assert!(again, "the server does not come back");
        self.bus_as(Role::ControlPlane).await.drain().await;
    }
}
