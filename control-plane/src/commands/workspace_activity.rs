//! Observe activity: something used the workspace, so it is not idle.

use nexus_events::workspace::{ActivitySource, Command};

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Notes that `source` used the workspace; at most once per source and fifth of the idle time.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn observe_activity(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        source: ActivitySource,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        let (id, known) = self.queries.find(identity, workspace)?;
        let command = Command::ObserveActivity {
            source,
            at: context.now,
        };
        let outcome = self
            .on_workspace(id, known, &command, context.new_event(identity))
            .await?;
        Ok(Written {
            value: (),
            sequence: outcome.snapshot.sequence,
        })
    }
}
