//! The NATS server of a running plane, for what only it can tell or take.

use anyhow::Context as _;
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
    let seed = folder.join(format!("keys/{}.nk", role.as_str()));
    Ok(Bus::connect(Options::new([server], role).seed_file(seed)).await?)
}
