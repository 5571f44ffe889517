//! Move SSH port: another port of the pools, in the place of one that a node cannot listen on.
//!
//! The claim is the first arbiter of who has a port and the bind the last: something that is no
//! Nexus may listen there. The port that is let go is quarantined like any other.

use nexus_events::claim::ClaimId;
use nexus_events::envelope::Context;
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::{Command, Workspace};

use super::workspace_claims::Claimant;
use super::{CommandError, Commands};
use crate::projections;

impl Commands {
    /// Claims a port in the place of `refused` and tells the workspace. With none left, nothing
    /// changes: the worker gives up waiting and says which port was in the way.
    ///
    /// # Errors
    /// See [`CommandError`]; it may be asked for again.
    pub(crate) async fn move_ssh_port(
        &self,
        workspace: WorkspaceId,
        refused: u16,
        context: Context,
    ) -> Result<(), CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?
            .unwrap_or_default();
        let claimant = Claimant {
            workspace,
            context: context.clone(),
            is_keyed: false,
        };
        if !answers_on(&known.state, refused) {
            // Moved before; what was held may not have been let go.
            self.let_go(&claimant, &ClaimId::Port(refused)).await;
            return Ok(());
        }
        let port = match self.claim_port(&claimant, [refused].into()).await {
            Ok(port) => port,
            Err(error @ CommandError::PortPoolEmpty { .. }) => {
                tracing::warn!(%error, %workspace, refused, "the port cannot be moved");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let command = Command::MoveSshPort {
            from: refused,
            to: port,
        };
        let moved = self.on_workspace(workspace, known, &command, context).await;
        let spare = match &moved {
            Ok(outcome) if answers_on(&outcome.snapshot.state, port) => Some(refused),
            Ok(_) => Some(port),
            Err(error) => error.is_certain().then_some(port),
        };
        if let Some(spare) = spare {
            self.let_go(&claimant, &ClaimId::Port(spare)).await;
        }
        moved.map(drop)
    }
}

fn answers_on(state: &Workspace, port: u16) -> bool {
    let definition = state.definition.as_ref();
    definition.is_some_and(|definition| definition.ssh_port == Some(port))
}
