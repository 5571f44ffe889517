//! Create workspace: claim name and port, then request it. Accepted once all three are stored.

use nexus_events::claim::ClaimId;
use nexus_events::id::{EventId, OperationId, UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use nexus_events::problem::FieldError;
use nexus_events::spec::{Provider, WorkspaceSpec};
use nexus_events::status::WorkspaceStatus;
use nexus_events::view::{Accepted, CreateWorkspaceReply, NewWorkspace};
use nexus_events::workspace::{Command, OperationKind, Workspace};

use super::workspace_claims::Claimant;
use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::projections;
use crate::queries::{QueryError, online_providers};

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

impl Commands {
    /// Makes a workspace for `owner` (an id or a login; absent: whoever asks).
    ///
    /// # Errors
    /// See [`CommandError`]; nothing is claimed when it is refused.
    pub async fn create_workspace(
        &self,
        identity: &Identity,
        request: NewWorkspace,
        owner: Option<&str>,
        context: &RequestContext,
    ) -> Result<CreatedWorkspace, CommandError> {
        let owner = self.owner(identity, owner)?;
        self.request_workspace(identity, owner, request, context)
            .await
    }

    /// Whose it is to be.
    fn owner(&self, identity: &Identity, named: Option<&str>) -> Result<UserId, CommandError> {
        let owner = match named {
            None => identity.user().ok_or_else(|| {
                CommandError::field("owner", "the operator is no user: name the owner")
            })?,
            Some(text) => self
                .queries
                .user_named(text)?
                .filter(|user| identity.may_see(*user))
                .ok_or_else(|| QueryError::not_found("user", text))?,
        };
        let known = self
            .queries
            .database
            .read(|connection| projections::user(connection, owner))?;
        match known {
            Some(record) if record.state.profile.is_some() => Ok(owner),
            // Registered a moment ago, and not projected yet.
            None if self.queries.directory.person(owner).is_some() => Ok(owner),
            Some(_) | None => Err(QueryError::not_found("user", owner).into()),
        }
    }

    pub(super) async fn request_workspace(
        &self,
        identity: &Identity,
        owner: UserId,
        request: NewWorkspace,
        context: &RequestContext,
    ) -> Result<CreatedWorkspace, CommandError> {
        let seed = context.seed(identity);
        let workspace = WorkspaceId::derived(&seed);
        if context.idempotency_key.is_some()
            && let Some(created) = self.created_before(workspace, owner, &request)?
        {
            return Ok(created);
        }
        let NewWorkspace { name, spec } = request.clone();
        let spec = self.admitted(spec)?;
        let claimant = Claimant {
            workspace,
            identity,
            context,
        };
        let port = self.claim_name_and_port(claimant, owner, &name).await?;
        let time_allowed = self.queries.settings.deadlines.of(OperationKind::Create);
        let operation = context.operation(&seed, time_allowed);
        let (claimed, ssh_port) = (name.clone(), Some(port));
        let command = Command::Request {
            owner,
            name,
            spec: Box::new(spec),
            ssh_port,
            operation,
        };
        let event = context.event(
            identity.actor(),
            EventId::derived(format!("{seed}:requested")),
        );
        let known = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?;
        let outcome = self
            .on_workspace(workspace, known.unwrap_or_default(), &command, event)
            .await;
        match outcome {
            Ok(outcome) => Ok(created(
                workspace,
                &outcome.snapshot.state,
                outcome.snapshot.sequence,
                operation.id,
            )),
            // The same request was stored a moment ago, or another one under the same key.
            Err(CommandError::KeyReused) => {
                let stored = self.stored_workspace(workspace).await?;
                self.let_go_of_others(claimant, &stored.state, owner, &claimed, port)
                    .await;
                self.same_request(&stored.state, owner, &request)?;
                Ok(created(
                    workspace,
                    &stored.state,
                    stored.sequence,
                    operation.id,
                ))
            }
            Err(error) => {
                if error.is_certain() {
                    self.let_go(
                        claimant,
                        &ClaimId::Name {
                            owner,
                            name: claimed,
                        },
                    )
                    .await;
                    self.let_go(claimant, &ClaimId::Port(port)).await;
                }
                Err(error)
            }
        }
    }

    /// Lets go of what this request claimed beside what the stored one holds.
    async fn let_go_of_others(
        &self,
        claimant: Claimant<'_>,
        stored: &Workspace,
        owner: UserId,
        name: &WorkspaceName,
        port: u16,
    ) {
        let Some(definition) = &stored.definition else {
            return;
        };
        if definition.owner != owner || definition.name != *name {
            self.let_go(
                claimant,
                &ClaimId::Name {
                    owner,
                    name: name.clone(),
                },
            )
            .await;
        }
        if definition.ssh_port != Some(port) {
            self.let_go(claimant, &ClaimId::Port(port)).await;
        }
    }

    /// The answer to the same request, if it was made before and is projected.
    fn created_before(
        &self,
        workspace: WorkspaceId,
        owner: UserId,
        request: &NewWorkspace,
    ) -> Result<Option<CreatedWorkspace>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?;
        let Some(record) = known else { return Ok(None) };
        self.same_request(&record.state, owner, request)?;
        let operation = self.queries.first_operation(workspace)?;
        Ok(operation.map(|id| created(workspace, &record.state, record.sequence, id)))
    }

    fn same_request(
        &self,
        state: &Workspace,
        owner: UserId,
        request: &NewWorkspace,
    ) -> Result<(), CommandError> {
        let same = state.definition.as_ref().is_some_and(|definition| {
            definition.owner == owner
                && definition.name == request.name
                && definition.spec == request.spec
        });
        if same {
            Ok(())
        } else {
            Err(CommandError::KeyReused)
        }
    }

    /// The specification, once this server may and can carry it out.
    fn admitted(&self, spec: WorkspaceSpec) -> Result<WorkspaceSpec, CommandError> {
        let mut errors = Vec::new();
        if let Some(repository) = &spec.repository
            && let Err(cause) = repository.url.allowed_by(&self.queries.settings.sources)
        {
            errors.push(FieldError {
                field: "repository.url".into(),
                cause,
            });
        }
        let checked = spec.validated();
        match checked {
            Ok(spec) if errors.is_empty() => {
                self.has_worker(spec.provider)?;
                Ok(spec)
            }
            Ok(_) => Err(CommandError::invalid(errors)),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(FieldError::from));
                Err(CommandError::invalid(errors))
            }
        }
    }

    fn has_worker(&self, wanted: Provider) -> Result<(), CommandError> {
        let online = self.queries.database.read(online_providers)?;
        if online.contains(&wanted) {
            return Ok(());
        }
        let words: Vec<_> = online.into_iter().map(Provider::as_str).collect();
        let online = if words.is_empty() {
            "none".into()
        } else {
            words.join(", ")
        };
        Err(CommandError::NoWorker { wanted, online })
    }
}

fn created(
    workspace: WorkspaceId,
    state: &Workspace,
    sequence: u64,
    operation: OperationId,
) -> CreatedWorkspace {
    let ssh_port = state
        .definition
        .as_ref()
        .and_then(|definition| definition.ssh_port);
    CreatedWorkspace {
        workspace,
        operation,
        ssh_port,
        sequence,
    }
}
