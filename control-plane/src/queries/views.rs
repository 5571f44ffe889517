//! From rows to what the API answers.

use nexus_events::id::WorkspaceId;
use nexus_events::node::NodeStatus;
use nexus_events::view::{Surroundings, WorkspaceView};
use nexus_events::workspace::Workspace;
use rusqlite::Connection;

use super::Queries;
use crate::projections::{self, ProjectionError, Record};

impl Queries {
    /// `None` for a workspace nobody asked for, which the log does not have.
    pub(super) fn workspace_view(
        &self,
        connection: &Connection,
        id: WorkspaceId,
        record: &Record<Workspace>,
        sequence: u64,
    ) -> Result<Option<WorkspaceView>, ProjectionError> {
        let unknown = is_unknown(connection, &record.state)?;
        Ok(self.view_of(id, record, sequence, unknown))
    }

    /// The same, told whether its node is lost.
    pub(super) fn view_of(
        &self,
        id: WorkspaceId,
        record: &Record<Workspace>,
        sequence: u64,
        unknown: bool,
    ) -> Option<WorkspaceView> {
        let definition = record.state.definition.as_ref()?;
        let around = Surroundings {
            host: &self.settings.public_host,
            owner_login: self.directory.login(definition.owner),
            unknown,
            updated_at: record.updated_at,
            version: record.sequence,
            sequence,
        };
        WorkspaceView::of(id, &record.state, around)
    }
}

/// Its node is lost: nobody can say how it is.
fn is_unknown(connection: &Connection, state: &Workspace) -> Result<bool, ProjectionError> {
    let Some(node) = state.node else {
        return Ok(false);
    };
    let node = projections::node(connection, node)?;
    Ok(node.is_some_and(|record| record.state.status == NodeStatus::Lost))
}
