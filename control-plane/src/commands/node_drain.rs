//! Drain node: it finishes what it has and takes no more.

use nexus_events::id::NodeId;
use nexus_events::node::NodeCommand;

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;

impl Commands {
    /// Drains a node.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn drain_node(
        &self,
        identity: &Identity,
        node: NodeId,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        if !identity.is_admin() {
            let what = "only an administrator may drain a node".into();
            return Err(CommandError::Forbidden { what });
        }
        let command = NodeCommand::Drain { at: context.now };
        let outcome = self
            .on_node(node, &command, context.new_event(identity))
            .await?;
        Ok(Written {
            value: (),
            sequence: outcome.snapshot.sequence,
        })
    }
}
