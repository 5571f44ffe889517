//! The worker's end: answers whoever asks for a way into one of its workspaces.

use std::sync::Arc;

use nexus_events::id::NodeId;
use tokio_util::sync::CancellationToken;

use super::relay::answer;
use super::{Doors, LinkListen};
use crate::connect::Bus;

/// Serves every way until `stop`; streams handed over on this host go on after it.
///
/// `bus` is a connection of its own, so that bytes do not stand in the way of commands.
pub async fn serve(
    bus: Bus,
    node: NodeId,
    doors: Arc<dyn Doors>,
    listen: LinkListen,
    stop: CancellationToken,
) {
    tokio::join!(
        answer::serve(bus.clone(), node, Arc::clone(&doors), stop.clone()),
        listen.serve(bus, node, doors, stop),
    );
}
