//! The rules a command can break, by name.

use jiff::Timestamp;

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
    /// A hold's end is not after its beginning.
    #[error("the hold would be over already: {until}")]
    HoldOver {
        /// The end asked for.
        until: Timestamp,
    },
    /// So many holds help nobody.
    #[error("the workspace has {most} holds already")]
    TooManyHolds {
        /// How many there may be.
        most: usize,
    },
    /// The operation is no longer in flight: ended, timed out or superseded.
    #[error("operation {operation} is no longer in flight")]
    NotInFlight {
        /// Which.
        operation: OperationId,
    },
}
