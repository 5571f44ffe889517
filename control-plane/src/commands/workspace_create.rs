//! Create workspace: claim name and port, then request it. Accepted once all three are stored.

use nexus_events::claim::ClaimId;
use nexus_events::envelope::Context;
use nexus_events::id::{EventId, OperationId, UserId, WorkspaceId};
use nexus_events::status::WorkspaceStatus;
use nexus_events::view::{Accepted, CreateWorkspaceReply, NewWorkspace};
use nexus_events::workspace::{Command, NewOperation, OperationKind, Workspace};
use nexus_nats::Snapshot;

use super::workspace_claims::Claimant;
use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::projections;

/// A workspace that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedWorkspace {
    /// Its id.
    pub workspace: WorkspaceId,
    /// The operation that makes it.
    pub operation: OperationId,
    /// The port it will answer SSH on.
    pub ssh_port: Option<u16>,
    /// The event that recorded it.
    pub sequence: u64,
}

impl From<CreatedWorkspace> for Accepted {
    fn from(created: CreatedWorkspace) -> Self {
        Self {
            workspace: created.workspace,
            operation: Some(created.operation),
            reason: None,
            sequence: created.sequence,
        }
    }
}

impl From<CreatedWorkspace> for CreateWorkspaceReply {
    fn from(created: CreatedWorkspace) -> Self {
        Self {
            workspace_id: created.workspace,
            status: WorkspaceStatus::Creating,
            ssh_port: created.ssh_port,
            polling_url: format!("/api/v1/workspaces/{}/status", created.workspace),
        }
    }
}

/// A request with the ids that follow from it.
#[derive(Debug)]
struct Wanted<'a> {
    claimant: Claimant,
    owner: UserId,
    request: &'a NewWorkspace,
    operation: NewOperation,
    /// The envelope of its event.
    event: Context,
}

impl Commands {
    /// Makes a workspace for `owner` (an id or a login; absent: whoever asks).
    ///
    /// # Errors
    /// See [`CommandError`]; nothing stays claimed when it is refused.
    pub async fn create_workspace(
        &self,
        identity: &Identity,
        request: NewWorkspace,
        owner: Option<&str>,
        context: &RequestContext,
    ) -> Result<CreatedWorkspace, CommandError> {
        let owner = self.owner(identity, owner)?;
        self.request_workspace(identity, owner, &request, context)
            .await
    }

    pub(super) async fn request_workspace(
        &self,
        identity: &Identity,
        owner: UserId,
        request: &NewWorkspace,
        context: &RequestContext,
    ) -> Result<CreatedWorkspace, CommandError> {
        let seed = context.seed(identity);
        let workspace = WorkspaceId::derived(&seed);
        let time_allowed = self.queries.settings.deadlines.of(OperationKind::Create);
        let event = EventId::derived(format!("{seed}:requested"));
        let wanted = Wanted {
            claimant: Claimant {
                workspace,
                context: context.new_event(identity),
                is_keyed: context.idempotency_key.is_some(),
            },
            owner,
            request,
            operation: context.operation(&seed, time_allowed),
            event: context.event(identity.actor(), event),
        };
        let mut held = None;
        if context.idempotency_key.is_some() {
            if let Some(created) = self.created_before(&wanted)? {
                return Ok(created);
            }
            held = self.queries.port_of(workspace)?;
        }
        let spec = self.admitted(request.spec.clone())?;
        let port = self
            .claim_name_and_port(&wanted.claimant, owner, &request.name, held)
            .await?;
        let command = Command::Request {
            owner,
            name: request.name.clone(),
            spec: Box::new(spec),
            ssh_port: Some(port),
            operation: wanted.operation,
        };
        self.record(&wanted, port, &command).await
    }

    /// Stores the request that name and port were claimed for, or lets go of both.
    async fn record(
        &self,
        wanted: &Wanted<'_>,
        port: u16,
        command: &Command,
    ) -> Result<CreatedWorkspace, CommandError> {
        let (workspace, event) = (wanted.claimant.workspace, wanted.event.clone());
        let known = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?;
        match self
            .on_workspace(workspace, known.unwrap_or_default(), command, event)
            .await
        {
            Ok(outcome) => Ok(wanted.created(&outcome.snapshot)),
            // The same request was stored a moment ago, or another one under the same key.
            Err(CommandError::KeyReused) => {
                let stored = self.stored_workspace(workspace).await?;
                self.let_go_of_others(wanted, &stored.state, port).await;
                wanted.must_be(&stored.state)?;
                Ok(wanted.created(&stored))
            }
            Err(error) => {
                if error.is_certain() {
                    self.give_up(&wanted.claimant, &wanted.name_claim()).await;
                    self.give_up(&wanted.claimant, &ClaimId::Port(port)).await;
                }
                Err(error)
            }
        }
    }

    /// Lets go of what this request claimed beside what the stored one holds.
    async fn let_go_of_others(&self, wanted: &Wanted<'_>, stored: &Workspace, port: u16) {
        let Some(definition) = &stored.definition else {
            return;
        };
        if definition.owner != wanted.owner || definition.name != wanted.request.name {
            self.let_go(&wanted.claimant, &wanted.name_claim()).await;
        }
        if definition.ssh_port != Some(port) {
            self.let_go(&wanted.claimant, &ClaimId::Port(port)).await;
        }
    }

    /// The answer to the same request, if it was made before and is projected.
    fn created_before(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<Option<CreatedWorkspace>, CommandError> {
        let workspace = wanted.claimant.workspace;
        let known = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?;
        let Some(record) = known else { return Ok(None) };
        wanted.must_be(&record.state)?;
        Ok(Some(wanted.created(&record.into())))
    }
}

impl Wanted<'_> {
    fn name_claim(&self) -> ClaimId {
        ClaimId::Name {
            owner: self.owner,
            name: self.request.name.clone(),
        }
    }

    /// Refuses when what was stored under these ids is another request's.
    fn must_be(&self, stored: &Workspace) -> Result<(), CommandError> {
        let same = stored.definition.as_ref().is_some_and(|definition| {
            definition.owner == self.owner
                && definition.name == self.request.name
                && definition.spec == self.request.spec
        });
        if same {
            Ok(())
        } else {
            Err(CommandError::KeyReused)
        }
    }

    fn created(&self, stored: &Snapshot<Workspace>) -> CreatedWorkspace {
        CreatedWorkspace {
            workspace: self.claimant.workspace,
            operation: self.operation.id,
            ssh_port: stored
                .state
                .definition
                .as_ref()
                .and_then(|definition| definition.ssh_port),
            sequence: stored.sequence,
        }
    }
}
