//! Delete workspace: remove it and its files, from whatever state.

use nexus_events::view::Accepted;
use nexus_events::workspace::{Command, OperationKind};

use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Removes a workspace and its files; accepted whatever is under way.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn delete_workspace(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        context: &RequestContext,
    ) -> Result<Accepted, CommandError> {
        let command = |operation| Command::Delete { operation };
        self.intend(identity, workspace, OperationKind::Delete, command, context)
            .await
    }
}
