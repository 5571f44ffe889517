//! Place: a worker takes the operation. Of two that try, the log lets one.

use super::{Answer, in_flight};
use crate::aggregate::Decision;
use crate::id::{NodeId, OperationId};
use crate::workspace::{Rejection, Workspace, WorkspaceEvent};

pub(super) fn decide(
    state: &Workspace,
    operation: OperationId,
    epoch: u64,
    node: NodeId,
) -> Answer {
    let Some(current) = in_flight(state, operation, epoch) else {
        return Err(Rejection::NotInFlight { operation });
    };
    match state.node {
        Some(holder) if holder != node => Err(Rejection::PlacedElsewhere { node: holder }),
        Some(_) if current.placed => Ok(Decision::Nothing("this node has taken it already")),
        Some(_) | None => Ok(Decision::Event(WorkspaceEvent::Placed {
            operation,
            epoch,
            node,
        })),
    }
}
