//! Stop workspace: bring it down, keep its files.

use nexus_events::view::Accepted;
use nexus_events::workspace::{Command, OperationKind, StopReason};

use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Brings a workspace down; its files are kept.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn stop_workspace(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        context: &RequestContext,
    ) -> Result<Accepted, CommandError> {
        let command = |operation| Command::Stop {
            operation,
            reason: StopReason::Person,
        };
        self.intend(identity, workspace, OperationKind::Stop, command, context)
            .await
    }
}
