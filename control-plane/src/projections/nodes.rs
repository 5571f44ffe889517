//! The nodes: where each worker's place stands.

use nexus_events::aggregate::Aggregate;
use nexus_events::envelope::Envelope;
use nexus_events::id::NodeId;
use nexus_events::node::{Node, NodeEvent, NodeStatus};
use rusqlite::{Connection, params};

use super::columns::{document, micros, record};
use super::{ProjectionError, Record};

/// The word for a status in the column.
pub(crate) const fn word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Absent => "absent",
        NodeStatus::Online => "online",
        NodeStatus::Draining => "draining",
        NodeStatus::Lost => "lost",
        NodeStatus::Left => "left",
    }
}

/// Nodes change rarely: read and written at once.
pub(super) fn apply(
    connection: &Connection,
    id: NodeId,
    sequence: u64,
    event: &Envelope<NodeEvent>,
) -> Result<(), ProjectionError> {
    let before = load(connection, id)?.unwrap_or_default();
    let state = before.state.evolve(&event.data);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO nodes (id, sequence, updated_at, provider, status, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id.uuid().as_bytes(),
            sequence,
            micros(event.time),
            state
                .profile
                .as_ref()
                .map(|profile| profile.provider.as_str()),
            word(state.status),
            document(&state),
        ])?;
    Ok(())
}

/// The record of one node.
pub(crate) fn load(
    connection: &Connection,
    id: NodeId,
) -> Result<Option<Record<Node>>, ProjectionError> {
    record(
        connection,
        "nodes",
        "SELECT sequence, updated_at, state FROM nodes WHERE id = ?1",
        id.uuid().as_bytes(),
    )
}
