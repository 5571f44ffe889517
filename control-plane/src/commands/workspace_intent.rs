//! What start, stop and delete share: one decision about one workspace, and its answer.

use nexus_events::id::{EventId, OperationId, WorkspaceId};
use nexus_events::view::Accepted;
use nexus_events::workspace::{Command, NewOperation, OperationKind, Workspace};
use nexus_nats::{Outcome, repository::Effect};

use super::{CommandError, Commands, RequestContext};
use crate::identity::Identity;
use crate::projections::operations;
use crate::queries::WorkspaceRef;

impl Commands {
    /// Changes what is wanted of a workspace.
    pub(super) async fn intend(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
        kind: OperationKind,
        command: impl FnOnce(NewOperation) -> Command,
        context: &RequestContext,
    ) -> Result<Accepted, CommandError> {
        let (id, known) = self.queries.find(identity, reference)?;
        let seed = context.seed(identity);
        let operation = context.operation(&seed, self.queries.settings.deadlines.of(kind));
        if context.idempotency_key.is_some()
            && let Some(accepted) = self.accepted_before(id, kind, operation.id, known.sequence)?
        {
            return Ok(accepted);
        }
        let event = context.event(identity.actor(), EventId::derived(format!("{seed}:intent")));
        let outcome = self
            .on_workspace(id, known, &command(operation), event)
            .await?;
        Ok(accepted(id, kind, operation.id, outcome))
    }

    /// The answer to the same request, if it was made before and is projected.
    fn accepted_before(
        &self,
        workspace: WorkspaceId,
        kind: OperationKind,
        operation: OperationId,
        sequence: u64,
    ) -> Result<Option<Accepted>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| operations::load(connection, operation))?;
        match known {
            None => Ok(None),
            Some(known) if known.workspace == workspace && known.kind == kind => {
                let operation = Some(operation);
                Ok(Some(Accepted {
                    workspace,
                    operation,
                    reason: None,
                    sequence,
                }))
            }
            Some(_) => Err(CommandError::KeyReused),
        }
    }
}

/// When nothing is to be done because that very thing is under way, its operation is named.
fn accepted(
    workspace: WorkspaceId,
    kind: OperationKind,
    operation: OperationId,
    outcome: Outcome<Workspace>,
) -> Accepted {
    let sequence = outcome.snapshot.sequence;
    match outcome.effect {
        Effect::Appended { .. } => Accepted {
            workspace,
            operation: Some(operation),
            reason: None,
            sequence,
        },
        Effect::Nothing(reason) => {
            let current = outcome.snapshot.state.operation;
            let operation = current.filter(|current| brings_about(current.kind, kind));
            let operation = operation.map(|current| current.id);
            Accepted {
                workspace,
                operation,
                reason: Some(reason.to_owned()),
                sequence,
            }
        }
    }
}

/// Whether an operation of kind `current` ends where one of kind `wanted` would.
const fn brings_about(current: OperationKind, wanted: OperationKind) -> bool {
    matches!(
        (current, wanted),
        (
            OperationKind::Create | OperationKind::Start,
            OperationKind::Create | OperationKind::Start
        ) | (OperationKind::Stop, OperationKind::Stop)
            | (OperationKind::Delete, OperationKind::Delete)
    )
}
