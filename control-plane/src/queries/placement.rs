//! Which providers have a worker that takes work.

use std::collections::BTreeSet;

use nexus_events::node::NodeStatus;
use nexus_events::spec::Provider;
use rusqlite::Connection;

use super::QueryError;

/// Providers with a node that is online.
pub(crate) fn online_providers(connection: &Connection) -> Result<BTreeSet<Provider>, QueryError> {
    let nodes = super::nodes::all(connection)?;
    let online = nodes
        .into_iter()
        .filter(|(_, node)| node.state.status == NodeStatus::Online);
    Ok(online
        .filter_map(|(_, node)| Some(node.state.profile?.provider))
        .collect())
}
