//! Where byte streams to workspaces come from.

use std::fmt;
use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_init_protocol::reach::{InitStream, Reach};
use nexus_nats::link::{LinkStream, Links};

/// Opens byte streams to the inits of workspaces.
pub trait Lines: fmt::Debug + Send + Sync + 'static {
    /// A new stream to init of `workspace`, which `node` holds.
    fn open(&self, node: NodeId, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<InitStream>>;
}

impl Lines for Links {
    fn open(&self, node: NodeId, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<InitStream>> {
        Box::pin(async move {
            let opened = Self::open(self, node, workspace).await;
            let stream = opened.map_err(io::Error::other)?;
            crate::metrics::note_link(stream.way());
            Ok(match stream {
                LinkStream::Direct(stream) => InitStream::Unix(stream),
                stream @ (LinkStream::Tls(_) | LinkStream::Relayed(_)) => {
                    InitStream::Other(Box::new(stream))
                }
            })
        })
    }
}

/// The lines to one workspace.
pub(super) struct Line {
    pub(super) lines: Arc<dyn Lines>,
    pub(super) node: NodeId,
    pub(super) workspace: WorkspaceId,
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.workspace, self.node)
    }
}

impl Reach for Line {
    fn open(&self) -> BoxFuture<'_, io::Result<InitStream>> {
        self.lines.open(self.node, self.workspace)
    }
}

/// A server without a bus reaches nothing.
#[derive(Debug)]
pub(super) struct NoLines;

impl Lines for NoLines {
    fn open(&self, _: NodeId, _: WorkspaceId) -> BoxFuture<'_, io::Result<InitStream>> {
        let error = "this server keeps its log in memory and has no way to any node";
        Box::pin(std::future::ready(Err(io::Error::other(error))))
    }
}
