//! The heartbeats of nodes, as of a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_events::id::NodeId;
use nexus_events::node::Heartbeat;
use nexus_nats::Heartbeats;
use tokio_util::sync::CancellationToken;

/// The last heartbeat of each node. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    last: Arc<RwLock<HashMap<NodeId, Heartbeat>>>,
}

impl Pulse {
    /// The last heartbeat of `node`, if it was heard at all.
    pub fn of(&self, node: NodeId) -> Option<Heartbeat> {
        self.last
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&node)
            .cloned()
    }

    /// Notes a heartbeat.
    pub fn hear(&self, heartbeat: Heartbeat) {
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        let known = last
            .entry(heartbeat.node)
            .or_insert_with(|| heartbeat.clone());
        if heartbeat.at >= known.at {
            *known = heartbeat;
        }
    }

    /// Notes heartbeats as they come, until told to stop.
    pub(crate) async fn listen(self, heartbeats: Heartbeats, stop: CancellationToken) {
        let mut watch = heartbeats.watch();
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = watch.next() => heard,
            };
            match heard {
                Ok(heartbeat) => self.hear(heartbeat),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "heartbeats");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }
}
