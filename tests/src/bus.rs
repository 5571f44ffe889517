//! The NATS server of a running plane, for what only it can tell or take.

use anyhow::Context as _;
use nexus_events::id::NodeId;
use nexus_nats::{Bus, Options, Role};

use crate::plane::Plane;

/// A connection of one's own, as `role`.
///
/// # Errors
/// When the server is not reached.
pub async fn connect(plane: &Plane, role: Role) -> anyhow::Result<Bus> {
    let folder = plane.home().join("nats");
    let port = std::fs::read_to_string(folder.join("port")).context("the log's port")?;
    let server = format!("nats://127.0.0.1:{}", port.trim());
    let seed = folder.join(format!("keys/{role}.nk"));
    Ok(Bus::connect(Options::new([server], role).seed_file(seed)).await?)
}

/// The first of its nodes.
///
/// # Errors
/// When there is none.
pub async fn node(plane: &Plane) -> anyhow::Result<NodeId> {
    let page: serde_json::Value = plane.client.get("/api/v1/nodes").await?;
    let id = page["items"][0]["id"].as_str();
    Ok(id.context("a node")?.parse()?)
}
