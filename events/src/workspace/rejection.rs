//! The rules a command can break, by name.

use crate::id::{NodeId, OperationId};

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such workspace.
    #[error("there is no such workspace")]
    NotFound,
    /// The workspace was deleted; its id is never used again.
    #[error("the workspace is deleted")]
    Deleted,
    /// The id has been used for another request.
    #[error("a workspace with this id was requested before")]
    AlreadyRequested,
    /// Another node has taken the operation.
    #[error("node {node} has taken the operation already")]
    PlacedElsewhere {
        /// Which.
        node: NodeId,
    },
    /// The operation is no longer in flight: ended, timed out or superseded.
    #[error("operation {operation} is no longer in flight")]
    NotInFlight {
        /// Which.
        operation: OperationId,
    },
}
