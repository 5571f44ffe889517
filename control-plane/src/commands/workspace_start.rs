//! Start workspace: bring it up, and wait for nothing.

use nexus_events::view::Accepted;
use nexus_events::workspace::{Command, OperationKind};

use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Brings a workspace up.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn start_workspace(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        context: &RequestContext,
    ) -> Result<Accepted, CommandError> {
        let command = |operation| Command::Start { operation };
        self.intend(identity, workspace, OperationKind::Start, command, context)
            .await
    }
}
