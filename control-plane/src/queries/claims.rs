//! What is held: ports, and for whom.

use jiff::Timestamp;
use nexus_events::id::{UserId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension};

use super::{Queries, QueryError};
use crate::projections::{self, ProjectionError};

impl Queries {
    /// The port held for this workspace.
    pub(crate) fn port_of(&self, workspace: WorkspaceId) -> Result<Option<u16>, QueryError> {
        self.database.read(|connection| {
            let id = connection
                .prepare_cached(
                    "SELECT id FROM claims
                     WHERE id >= 'port-' AND id < 'port.' AND holder = ?1 LIMIT 1",
                )?
                .query_row([workspace.uuid().as_bytes()], |row| row.get::<_, String>(0))
                .optional()?;
            Ok(id.and_then(|id| id.strip_prefix("port-")?.parse().ok()))
        })
    }

    /// The workspaces of a user that are not deleted, oldest first.
    pub(crate) fn workspace_ids_of(&self, user: UserId) -> Result<Vec<WorkspaceId>, QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM workspaces WHERE owner = ?1 AND phase <> 'deleted'
                 ORDER BY created_at, id",
            )?;
            let ids = statement.query_map([user.uuid().as_bytes()], |row| {
                row.get(0)
                    .map(|bytes| WorkspaceId::from_uuid(uuid::Uuid::from_bytes(bytes)))
            })?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }
}

/// Every port that was ever claimed: whether it is held, and since when it is or is not.
pub(crate) fn claimed_ports(
    connection: &Connection,
) -> Result<Vec<(u16, bool, Timestamp)>, ProjectionError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, holder IS NOT NULL, updated_at FROM claims
         WHERE id >= 'port-' AND id < 'port.'",
    )?;
    let rows = statement.query_map([], |row| {
        let changed_at = projections::time(row.get(2)?);
        Ok((row.get::<_, String>(0)?, row.get(1)?, changed_at))
    })?;
    let mut ports = Vec::new();
    for row in rows {
        let (id, is_held, changed_at) = row?;
        let port = id.strip_prefix("port-").and_then(|port| port.parse().ok());
        ports.extend(port.map(|port| (port, is_held, changed_at)));
    }
    Ok(ports)
}
