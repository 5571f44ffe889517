//! The workspaces: the state as JSON for deciding, and the columns lists and reconcilers look by.

use nexus_events::aggregate::Aggregate;
use nexus_events::envelope::Envelope;
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::{Workspace, WorkspaceEvent};
use rusqlite::{Connection, params};

use super::cache::Cache;
use super::columns::{document, micros, record};
use super::{ProjectionError, Record};

#[derive(Debug, Default)]
pub(super) struct Workspaces {
    cache: Cache<WorkspaceId, Record<Workspace>>,
}

impl Workspaces {
    /// Folds `event` onto its workspace and gives the record afterwards.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        id: WorkspaceId,
        sequence: u64,
        event: &Envelope<WorkspaceEvent>,
    ) -> Result<&Record<Workspace>, ProjectionError> {
        let record = self
            .cache
            .change(id, || Ok(load(connection, id)?.unwrap_or_default()))?;
        record.state = std::mem::take(&mut record.state).evolve(&event.data);
        record.sequence = sequence;
        record.updated_at = event.time;
        Ok(record)
    }

    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), ProjectionError> {
        let mut statement = connection.prepare_cached(UPSERT)?;
        self.cache
            .flush(|id, record| store(&mut statement, *id, record))
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
    }

    pub(super) fn waiting(&self) -> usize {
        self.cache.waiting()
    }
}

const UPSERT: &str = "INSERT INTO workspaces
    (id, sequence, updated_at, owner, name, phase, provider, node, operation, deadline, idle_at,
     created_at, state, ssh_port)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    ON CONFLICT (id) DO UPDATE SET sequence = ?2, updated_at = ?3, phase = ?6, node = ?8,
        operation = ?9, deadline = ?10, idle_at = ?11, state = ?13";

fn store(
    statement: &mut rusqlite::Statement<'_>,
    id: WorkspaceId,
    record: &Record<Workspace>,
) -> Result<(), ProjectionError> {
    let state = &record.state;
    let definition = state.definition.as_ref();
    statement.execute(params![
        id.uuid().as_bytes(),
        record.sequence,
        micros(record.updated_at),
        definition.map(|definition| *definition.owner.uuid().as_bytes()),
        definition.map(|definition| definition.name.as_str()),
        state.phase.as_str(),
        definition.map(|definition| definition.spec.provider.as_str()),
        state.node.map(|node| *node.uuid().as_bytes()),
        state
            .operation
            .as_ref()
            .map(|operation| *operation.id.uuid().as_bytes()),
        state
            .operation
            .as_ref()
            .map(|operation| micros(operation.deadline)),
        state.idle_stop_at().map(micros),
        definition.map(|definition| micros(definition.requested_at)),
        document(state),
        definition.and_then(|definition| definition.ssh_port),
    ])?;
    Ok(())
}

/// The record of one workspace.
pub(crate) fn load(
    connection: &Connection,
    id: WorkspaceId,
) -> Result<Option<Record<Workspace>>, ProjectionError> {
    record(
        connection,
        "workspaces",
        "SELECT sequence, updated_at, state FROM workspaces WHERE id = ?1",
        id.uuid().as_bytes(),
    )
}
