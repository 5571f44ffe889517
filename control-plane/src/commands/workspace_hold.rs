//! Hold workspace: a person's word that it is to go on running, and taking that word back.

use jiff::Timestamp;
use nexus_events::name::{HoldName, HoldReason};
use nexus_events::workspace::{Command, Hold};

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Keeps a workspace from being stopped for idleness, until `until` or until released. A hold
    /// of the same name gives way to it.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn place_hold(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        name: HoldName,
        hold: (Option<HoldReason>, Option<Timestamp>),
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        let (reason, until) = hold;
        let at = context.now;
        let hold = Hold { reason, until, at };
        let command = Command::PlaceHold { name, hold };
        self.held(identity, workspace, &command, context).await
    }

    /// Lets a workspace be idle again, as far as this hold is concerned.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn release_hold(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        name: HoldName,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        let at = context.now;
        let command = Command::ReleaseHold { name, at };
        self.held(identity, workspace, &command, context).await
    }

    async fn held(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        command: &Command,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        let (id, known) = self.queries.find(identity, workspace)?;
        let outcome = self
            .on_workspace(id, known, command, context.new_event(identity))
            .await?;
        Ok(Written {
            value: (),
            sequence: outcome.snapshot.sequence,
        })
    }
}
