//! Nodes: where workers are, and how they fare.

use nexus_events::id::NodeId;
use nexus_events::node::Node;
use nexus_events::view::{NodeView, Page};
use rusqlite::Connection;

use super::{Queries, QueryError};
use crate::identity::Identity;
use crate::projections::{self, Record};

impl Queries {
    /// One node. Whoever may make workspaces may see where.
    ///
    /// # Errors
    /// When there is none.
    pub fn node(&self, _identity: &Identity, id: NodeId) -> Result<NodeView, QueryError> {
        let none = || QueryError::not_found("node", id);
        self.database.read(|connection| {
            let record = projections::node(connection, id)?.ok_or_else(none)?;
            self.node_view(connection, id, record)?.ok_or_else(none)
        })
    }

    /// Every node that ever joined.
    ///
    /// # Errors
    /// When the read model fails.
    pub fn nodes(&self, _identity: &Identity) -> Result<Page<NodeView>, QueryError> {
        let sequence = self.sequence();
        self.database.read(|connection| {
            let mut items = Vec::new();
            for (id, record) in all(connection)? {
                items.extend(self.node_view(connection, id, record)?);
            }
            Ok(Page {
                items,
                next: None,
                sequence,
            })
        })
    }

    fn node_view(
        &self,
        connection: &Connection,
        id: NodeId,
        record: Record<Node>,
    ) -> Result<Option<NodeView>, QueryError> {
        let Some(profile) = record.state.profile else {
            return Ok(None);
        };
        let workspaces = connection
            .prepare_cached("SELECT count(*) FROM workspaces WHERE node = ?1")?
            .query_row([id.uuid().as_bytes()], |row| row.get(0))?;
        let heartbeat = self.pulse.of(id);
        Ok(Some(NodeView {
            id,
            profile,
            status: record.state.status,
            last_heard: heartbeat.as_ref().map(|heartbeat| heartbeat.at),
            running: heartbeat
                .map(|heartbeat| heartbeat.running)
                .unwrap_or_default(),
            workspaces,
        }))
    }
}

/// Every node, in the order of their ids.
pub(crate) fn all(connection: &Connection) -> Result<Vec<(NodeId, Record<Node>)>, QueryError> {
    let mut statement = connection.prepare_cached("SELECT id FROM nodes ORDER BY id")?;
    let ids = statement.query_map([], |row| {
        row.get(0)
            .map(|bytes| NodeId::from_uuid(uuid::Uuid::from_bytes(bytes)))
    })?;
    let mut nodes = Vec::new();
    for id in ids {
        let id = id?;
        nodes.extend(projections::node(connection, id)?.map(|record| (id, record)));
    }
    Ok(nodes)
}
