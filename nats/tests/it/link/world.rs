//! A server, a gateway, a worker, and what the worker's doors lead to.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use nexus_events::id::WorkspaceId;
use nexus_events::node::{Heartbeat, LinkAddress};
use nexus_nats::Heartbeats;
use nexus_nats::link::tls::{LinkKey, TlsListen};
use nexus_nats::link::{Doors, LinkError, LinkListen, LinkOptions, LinkStream, Links, serve};
use nexus_nats::testing::TestServer;
pub(super) use nexus_nats::testing::node;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::sample::soon;

/// The workspace that runs.
pub(super) fn running() -> WorkspaceId {
    WorkspaceId::derived("a workspace that runs")
}

/// Doors that give the inner end of every stream to the test; only [`running`] runs.
#[derive(Debug)]
pub(super) struct TestDoors(mpsc::UnboundedSender<UnixStream>);

impl TestDoors {
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<UnixStream>) {
        let (sender, inside) = mpsc::unbounded_channel();
        (Arc::new(Self(sender)), inside)
    }
}

impl Doors for TestDoors {
    fn open(&self, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>> {
        let opened = || {
            if workspace != running() {
                let cause = "it does not run here";
                return Err(io::Error::new(io::ErrorKind::NotFound, cause));
            }
            let (ours, theirs) = UnixStream::pair()?;
            self.0.send(theirs).map_err(io::Error::other)?;
            Ok(ours)
        };
        std::future::ready(opened()).boxed()
    }
}

/// Everything of one test.
pub(super) struct World {
    pub(super) server: TestServer,
    pub(super) links: Links,
    /// The inner end of each stream, in the order of opening.
    pub(super) inside: mpsc::UnboundedReceiver<UnixStream>,
    pub(super) worker: JoinHandle<()>,
    pub(super) stop: CancellationToken,
    /// What the heartbeat tells.
    pub(super) addresses: Vec<LinkAddress>,
    folder: tempfile::TempDir,
}

impl World {
    /// With a worker that nobody reaches directly.
    pub(super) async fn relayed() -> Self {
        Self::new(LinkOptions::default(), |_| LinkListen::nowhere()).await
    }

    /// With a worker that listens on this host.
    pub(super) async fn direct(options: LinkOptions) -> Self {
        let socket = |folder: &Path| LinkListen::at(&folder.join("link.sock")).unwrap();
        Self::new(options, socket).await
    }

    /// With a worker that listens for other hosts.
    pub(super) async fn tls(options: LinkOptions) -> Self {
        Self::tls_as(options, None).await
    }

    /// The same, telling this address instead of its own.
    pub(super) async fn tls_as(options: LinkOptions, advertised: Option<String>) -> Self {
        let port = |folder: &Path| {
            let key = LinkKey::kept_in(&folder.join("link.key")).unwrap();
            let tls = TlsListen::at(([127, 0, 0, 1], 0).into(), advertised, &key);
            LinkListen::nowhere().and_tls(tls.unwrap())
        };
        Self::new(options, port).await
    }

    async fn new(options: LinkOptions, listen: impl FnOnce(&Path) -> LinkListen) -> Self {
        let server = TestServer::start().await;
        let bus = server.bus().await;
        let folder = tempfile::tempdir().unwrap();
        let listen = listen(folder.path());
        let addresses = listen.addresses();
        tell(&server, addresses.clone()).await;
        let (doors, inside) = TestDoors::new();
        let stop = CancellationToken::new();
        let worker_bus = server.worker_bus().await;
        let worker = tokio::spawn(serve(worker_bus, node(), doors, listen, stop.clone()));
        Self {
            links: Links::on(&bus, options),
            server,
            inside,
            worker,
            stop,
            addresses,
            folder,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Both ends of a new stream.
    pub(super) async fn open(&mut self) -> (LinkStream, UnixStream) {
        let stream = soon("a stream", self.links.open(node(), running())).await;
        let inside = soon("its inner end", self.inside.recv()).await.unwrap();
        (stream.unwrap(), inside)
    }

    pub(super) async fn try_open(&self, workspace: WorkspaceId) -> Result<LinkStream, LinkError> {
        soon("an answer", self.links.open(node(), workspace)).await
    }

    /// Waits until no relayed stream is left.
    pub(super) async fn until_nothing_is_left(&self) {
        let nothing = stream::repeat(())
            .then(|()| tokio::task::yield_now())
            .filter(|()| std::future::ready(self.links.relayed() == 0));
        soon("the end of every stream", Box::pin(nothing).next()).await;
    }
}

/// Says where the node is reached.
pub(super) async fn tell(server: &TestServer, link: Vec<LinkAddress>) {
    let heartbeat = Heartbeat {
        node: node(),
        at: jiff::Timestamp::now(),
        running: Vec::new(),
        free_slots: 1,
        link,
    };
    let bus = server.worker_bus().await;
    Heartbeats::on(&bus).beat(&heartbeat).await.unwrap();
}

/// `length` bytes that no mistake reproduces: every eighth byte begins a number of its own.
pub(super) fn content(length: usize) -> Vec<u8> {
    let mixed = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    (0..).flat_map(mixed).take(length).collect()
}

/// Writes all of it, then ends the direction.
pub(super) async fn write_all(mut to: impl AsyncWrite + Unpin, bytes: Vec<u8>) {
    to.write_all(&bytes).await.unwrap();
    to.shutdown().await.unwrap();
}

/// Reads to the end.
pub(super) async fn read_all(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// A stream that no test has opened before.
pub(super) fn stopped() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::now_v7())
}
