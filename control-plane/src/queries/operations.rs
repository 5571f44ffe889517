//! Operations: one with its steps, or a page of them, newest first.

use std::time::Duration;

use nexus_events::id::OperationId;
use nexus_events::name::WorkspaceName;
use nexus_events::view::{OperationState, OperationView, Page};
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::{PAGE, Queries, QueryError, WorkspaceRef};
use crate::identity::Identity;
use crate::projections::operations::{self, Operation, word};
use crate::projections::{self, ProjectionError};

/// Which operations to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OperationQuery {
    /// Only those of this workspace: an id or a name.
    pub workspace: Option<String>,
    /// Only those in this state.
    pub state: Option<OperationState>,
    /// How many at most (100 unless told, 500 at most).
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At least this event must be in the answer.
    pub min_seq: Option<u64>,
}

impl Queries {
    /// One operation.
    ///
    /// # Errors
    /// When there is none that `identity` may see.
    pub fn operation(
        &self,
        identity: &Identity,
        id: OperationId,
    ) -> Result<OperationView, QueryError> {
        let sequence = self.sequence();
        let none = || QueryError::not_found("operation", id);
        self.database.read(|connection| {
            let operation = operations::load(connection, id)?.ok_or_else(none)?;
            match operation.owner {
                Some(owner) if identity.may_see(owner) => {}
                None if identity.is_admin() => {}
                Some(_) | None => return Err(none()),
            }
            view(connection, id, operation, sequence)?.ok_or_else(none)
        })
    }

    /// One operation once it has ended, or as it stands when `wait` is over.
    ///
    /// # Errors
    /// As [`Queries::operation`].
    pub async fn settled_operation(
        &self,
        identity: &Identity,
        id: OperationId,
        wait: Duration,
    ) -> Result<OperationView, QueryError> {
        self.until(wait, || {
            Ok(self.operation(identity, id)?.state != OperationState::InFlight)
        })
        .await?;
        self.operation(identity, id)
    }

    /// A page of operations, newest first.
    ///
    /// # Errors
    /// When a part of the query is not of the right form.
    pub fn operations(
        &self,
        identity: &Identity,
        query: &OperationQuery,
    ) -> Result<Page<OperationView>, QueryError> {
        let sequence = self.sequence();
        let limit = query.limit.unwrap_or(PAGE.1).clamp(1, PAGE.0);
        let workspace = match &query.workspace {
            None => None,
            Some(text) => {
                let reference: WorkspaceRef = text
                    .parse()
                    .map_err(|error| QueryError::invalid("workspace", error))?;
                Some(self.find(identity, &reference)?.0)
            }
        };
        let owner = if identity.is_admin() {
            None
        } else {
            identity.user()
        };
        let after = query
            .cursor
            .as_deref()
            .map(str::parse::<OperationId>)
            .transpose();
        let after = after.map_err(|error| QueryError::invalid("cursor", error))?;
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM operations
                 WHERE (?1 IS NULL OR workspace = ?1) AND (?2 IS NULL OR owner = ?2)
                   AND (?3 IS NULL OR state = ?3)
                   AND (?4 IS NULL OR (requested_at, id) <
                        (SELECT requested_at, id FROM operations WHERE id = ?4))
                 ORDER BY requested_at DESC, id DESC LIMIT ?5",
            )?;
            let ids = statement.query_map(
                params![
                    workspace.map(|id| *id.uuid().as_bytes()),
                    owner.map(|id| *id.uuid().as_bytes()),
                    query.state.map(word),
                    after.map(|id| *id.uuid().as_bytes()),
                    limit + 1,
                ],
                |row| {
                    row.get(0)
                        .map(|bytes| OperationId::from_uuid(uuid::Uuid::from_bytes(bytes)))
                },
            )?;
            let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
            let more = ids.len() > limit;
            ids.truncate(limit);
            let next = ids.last().filter(|_| more).map(ToString::to_string);
            let mut items = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(operation) = operations::load(connection, id)? {
                    items.extend(view(connection, id, operation, sequence)?);
                }
            }
            Ok(Page {
                items,
                next,
                sequence,
            })
        })
    }
}

/// `None` for an operation whose workspace is not there, which the log does not have.
fn view(
    connection: &Connection,
    id: OperationId,
    operation: Operation,
    sequence: u64,
) -> Result<Option<OperationView>, ProjectionError> {
    let Some(workspace_name) = name(connection, &operation)? else {
        return Ok(None);
    };
    let duration_ms = operation.duration_ms();
    Ok(Some(OperationView {
        id,
        workspace: operation.workspace,
        workspace_name,
        kind: operation.kind,
        state: operation.state,
        reason: operation.reason,
        epoch: operation.epoch,
        node: operation.node,
        steps: operation.steps,
        failure: operation.failure,
        requested_at: operation.requested_at,
        deadline: operation.deadline,
        ended_at: operation.ended_at,
        duration_ms,
        sequence,
    }))
}

fn name(
    connection: &Connection,
    operation: &Operation,
) -> Result<Option<WorkspaceName>, ProjectionError> {
    let record = projections::workspace(connection, operation.workspace)?;
    Ok(record
        .and_then(|record| record.state.definition)
        .map(|definition| definition.name))
}
