//! The place of a worker's node in the log.

use nexus_events::aggregate::Aggregate as _;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId, NodeId};
use nexus_events::node::{Node, NodeCommand, NodeProfile, NodeRejection};
use nexus_nats::repository::LoadError;
use nexus_nats::{ExecuteError, Log, Repository, Snapshot, clock};
use uuid::Uuid;

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
                at: clock::now(),
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
        self.execute(NodeCommand::Hear { at: clock::now() }).await
    }

    /// Tells that its worker ends in good order.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn leave(mut self) -> Result<(), NodeError> {
        self.execute(NodeCommand::Leave { at: clock::now() }).await
    }

    async fn execute(&mut self, command: NodeCommand) -> Result<(), NodeError> {
        let node = self.node;
        let context = || Context {
            id: EventId::from_uuid(Uuid::now_v7()),
            at: clock::now(),
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
