//! What the nodes' heartbeats tell of how to reach them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::node::{Heartbeat, LinkAddress};
use tokio_util::sync::CancellationToken;

use crate::heartbeat::Heartbeats;

/// How long a node that was never heard is asked after.
const LOOK: Duration = Duration::from_secs(2);

/// The addresses of every node heard of.
#[derive(Debug)]
pub(super) struct Known {
    heartbeats: Heartbeats,
    addresses: Mutex<HashMap<NodeId, Vec<LinkAddress>>>,
}

impl Known {
    pub(super) fn new(heartbeats: Heartbeats) -> Self {
        Self {
            heartbeats,
            addresses: Mutex::default(),
        }
    }

    /// Listens to heartbeats until `stop`.
    pub(super) async fn follow(&self, stop: CancellationToken) {
        let mut watch = self.heartbeats.watch();
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = watch.next() => heard,
            };
            match heard {
                Ok(heartbeat) => self.learn(heartbeat),
                Err(error) => {
                    tracing::warn!(%error, "where nodes can be reached is not heard any more");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Where `node` says it can be reached; asks for the last heartbeats when it is unheard of.
    pub(super) async fn addresses(&self, node: NodeId) -> Vec<LinkAddress> {
        let known = self.lock().get(&node).cloned();
        match known {
            Some(addresses) => addresses,
            None => {
                if let Ok(Ok(all)) = tokio::time::timeout(LOOK, self.heartbeats.all()).await {
                    all.into_iter().for_each(|heartbeat| self.learn(heartbeat));
                }
                self.lock().get(&node).cloned().unwrap_or_default()
            }
        }
    }

    fn learn(&self, heartbeat: Heartbeat) {
        self.lock().insert(heartbeat.node, heartbeat.link);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Vec<LinkAddress>>> {
        // Every change is a single insert, so a panic elsewhere leaves nothing torn.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
