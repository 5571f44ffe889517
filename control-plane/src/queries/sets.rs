//! Whole sets for reconcilers, over the indexes made for them.

use nexus_events::claim::ClaimId;
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::workspace::Workspace;
use rusqlite::Params;

use super::{Queries, QueryError};
use crate::projections::{self, Record};

/// Rows one run of a task looks at; the rest comes with the next run.
const AT_ONCE: usize = 1_000;

impl Queries {
    /// The workspaces a condition over the columns selects.
    pub(crate) fn workspaces_where(
        &self,
        condition: &'static str,
        params: impl Params,
    ) -> Result<Vec<(WorkspaceId, Record<Workspace>)>, QueryError> {
        let sql = format!("SELECT id FROM workspaces WHERE {condition} LIMIT {AT_ONCE}");
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let ids = statement.query_map(params, |row| {
                row.get(0)
                    .map(|bytes| WorkspaceId::from_uuid(uuid::Uuid::from_bytes(bytes)))
            })?;
            let mut found = Vec::new();
            for id in ids {
                let id = id?;
                found.extend(projections::workspace(connection, id)?.map(|record| (id, record)));
            }
            Ok(found)
        })
    }

    /// The workspaces a node holds, as far as one of them may have a machine.
    pub(crate) fn placed_workspaces(&self) -> Result<Vec<(WorkspaceId, NodeId)>, QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, node FROM workspaces
                 WHERE node IS NOT NULL AND phase NOT IN ('stopped', 'deleted')",
            )?;
            let rows = statement.query_map([], |row| {
                let id = |index| row.get(index).map(uuid::Uuid::from_bytes);
                Ok((WorkspaceId::from_uuid(id(0)?), NodeId::from_uuid(id(1)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Claims of names and ports that have been held since `before` (microseconds) for a workspace that is not there,
    /// is deleted, or bears another name and port.
    pub(crate) fn orphan_claims(
        &self,
        before: i64,
    ) -> Result<Vec<(ClaimId, WorkspaceId)>, QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT claims.id, claims.holder FROM claims
                 LEFT JOIN workspaces ON workspaces.id = claims.holder
                 WHERE claims.holder IS NOT NULL AND claims.updated_at < ?1
                   AND claims.id NOT GLOB 'key-*'
                   AND (workspaces.id IS NULL OR workspaces.phase = 'deleted'
                        OR claims.id NOT IN (
                            'port-' || coalesce(workspaces.ssh_port, ''),
                            'name-' || lower(hex(workspaces.owner)) || '-' || workspaces.name))",
            )?;
            let rows = statement.query_map([before], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 16]>(1)?))
            })?;
            let mut claims = Vec::new();
            for row in rows {
                let (id, holder) = row?;
                let holder = WorkspaceId::from_uuid(uuid::Uuid::from_bytes(holder));
                claims.extend(id.parse().ok().map(|id| (id, holder)));
            }
            Ok(claims)
        })
    }
}
