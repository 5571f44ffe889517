//! The node a worker is: an identity that survives it, and its place in the log.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use nexus_events::aggregate::Aggregate as _;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId, NodeId};
use nexus_events::node::{Node, NodeCommand, NodeProfile, NodeRejection};
use nexus_nats::repository::LoadError;
use nexus_nats::{ExecuteError, Log, Repository, Snapshot};
use uuid::Uuid;

/// A worker's folder: who it is, and what it keeps of its workspaces.
#[derive(Debug, Clone)]
pub struct NodeHome {
    folder: PathBuf,
}

/// Why a worker does not know who it is.
#[derive(Debug, thiserror::Error)]
pub enum NodeIdentityError {
    /// The folder or file cannot be used.
    #[error("keeping the node's identity in {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no id. It is not replaced: the machines of this node would be nobody's.
    #[error("{} holds no node id; restore it, or remove it to become a new node", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
    },
}

impl NodeHome {
    /// This folder, made when missing (for the owner only).
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, NodeIdentityError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = folder.into();
        match fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
        {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(NodeIdentityError::File {
                path: folder,
                source,
            }),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Who this worker is: drawn once, then the same for ever.
    ///
    /// # Errors
    /// See [`NodeIdentityError`].
    pub fn node(&self) -> Result<NodeId, NodeIdentityError> {
        let path = self.folder.join("node");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(node) => Ok(node),
                Err(_) => Err(NodeIdentityError::Unreadable { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let node = NodeId::from_uuid(Uuid::now_v7());
                // By rename, so that a crash leaves an id or none.
                let part = path.with_extension("part");
                let kept =
                    fs::write(&part, format!("{node}\n")).and_then(|()| fs::rename(&part, &path));
                kept.map(|()| node)
                    .map_err(|source| NodeIdentityError::File { path, source })
            }
            Err(source) => Err(NodeIdentityError::File { path, source }),
        }
    }
}

/// Why the log does not know of a node's comings and goings.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// What it has of the node cannot be read.
    #[error("reading what the log has of node {node}")]
    Load {
        /// Which.
        node: NodeId,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// It does not take the event.
    #[error("telling the log about node {node}")]
    Execute {
        /// Which.
        node: NodeId,
        /// Why.
        #[source]
        source: ExecuteError<NodeRejection>,
    },
}

/// A node's place in the log.
#[derive(Debug)]
pub struct Membership {
    nodes: Repository<Node>,
    node: NodeId,
    snapshot: Snapshot<Node>,
}

impl Membership {
    /// Tells that the node's worker started.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn join(log: Log, node: NodeId, profile: NodeProfile) -> Result<Self, NodeError> {
        let nodes = Repository::new(log);
        let snapshot = nodes
            .load(&node)
            .await
            .map_err(|source| NodeError::Load { node, source })?;
        let mut membership = Self {
            nodes,
            node,
            snapshot,
        };
        membership
            .execute(NodeCommand::Join {
                profile,
                at: Timestamp::now(),
            })
            .await?;
        Ok(membership)
    }

    /// Tells that it is there, in case it was taken for lost.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn hear(&mut self) -> Result<(), NodeError> {
        let node = self.node;
        let snapshot = self.nodes.catch_up(&node, self.snapshot.clone()).await;
        self.snapshot = snapshot.map_err(|source| NodeError::Load { node, source })?;
        self.execute(NodeCommand::Hear {
            at: Timestamp::now(),
        })
        .await
    }

    /// Tells that its worker ends in good order.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn leave(mut self) -> Result<(), NodeError> {
        self.execute(NodeCommand::Leave {
            at: Timestamp::now(),
        })
        .await
    }

    async fn execute(&mut self, command: NodeCommand) -> Result<(), NodeError> {
        let node = self.node;
        let context = || Context {
            id: EventId::from_uuid(Uuid::now_v7()),
            at: Timestamp::now(),
            actor: Actor::Node(node),
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            causation: None,
            traceparent: None,
        };
        let snapshot = self.snapshot.clone();
        let decide = |state: &Node| state.decide(&command);
        let outcome = self.nodes.execute(&node, snapshot, decide, context).await;
        let outcome = outcome.map_err(|source| NodeError::Execute { node, source })?;
        self.snapshot = outcome.snapshot;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stays_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = NodeHome::open(folder.path().join("docker")).unwrap();
        let node = home.node().unwrap();
        assert_eq!(home.node().unwrap(), node);
        fs::write(home.folder().join("node"), "scribble").unwrap();
        assert!(matches!(
            home.node(),
            Err(NodeIdentityError::Unreadable { .. })
        ));
    }
}
