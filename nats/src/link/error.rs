//! Why there is no link.

use std::io;

use nexus_events::id::{NodeId, WorkspaceId};

/// Why a workspace's init cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No worker of that node is connected.
    #[error("node {node} is not connected")]
    Absent {
        /// Which.
        node: NodeId,
    },
    /// The node answered that it has no way in: mostly because the workspace does not run.
    #[error("node {node} cannot reach workspace {workspace}: {reason}")]
    Refused {
        /// Which node.
        node: NodeId,
        /// Which workspace.
        workspace: WorkspaceId,
        /// What the node said.
        reason: String,
    },
    /// The node did not answer in time.
    #[error("node {node} did not answer within {seconds} s")]
    TimedOut {
        /// Which.
        node: NodeId,
        /// How long it was given.
        seconds: u64,
    },
    /// The only way that may be taken is the direct one, and there is none.
    #[error("node {node} cannot be reached directly from here")]
    NotDirect {
        /// Which.
        node: NodeId,
        /// What was wrong with the address it tells; `None` when it tells none.
        #[source]
        source: Option<io::Error>,
    },
    /// So many streams are open that there is no memory for another.
    #[error("too many streams are open to open one to node {node}")]
    Full {
        /// Which.
        node: NodeId,
    },
    /// The connection to NATS failed.
    #[error("asking node {node} for a way to workspace {workspace}")]
    Bus {
        /// Which node.
        node: NodeId,
        /// Which workspace.
        workspace: WorkspaceId,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LinkError {
    /// Whether asking again in a moment may help.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Full { .. } | Self::Bus { .. } => true,
            Self::Absent { .. } | Self::Refused { .. } | Self::NotDirect { .. } => false,
        }
    }
}
