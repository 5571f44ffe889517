//! The heartbeats' twin: the last one of each node, for 60 s.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::node::Heartbeat;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long one is kept, as in `nexus_nodes`.
const KEPT: Duration = Duration::from_secs(60);

type Last = BTreeMap<NodeId, (Instant, Heartbeat)>;

/// Heartbeats that live as long as their last clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryBeats {
    last: watch::Sender<Last>,
}

impl MemoryBeats {
    pub(crate) fn beat(&self, heartbeat: Heartbeat) {
        let heard = (Instant::now(), heartbeat);
        self.last
            .send_modify(|last| drop(last.insert(heard.1.node, heard)));
    }

    pub(crate) fn all(&self) -> Vec<Heartbeat> {
        let now = Instant::now();
        let fresh = |heard: &&(Instant, Heartbeat)| now.duration_since(heard.0) < KEPT;
        let last = self.last.borrow();
        last.values()
            .filter(fresh)
            .map(|(_, heartbeat)| heartbeat.clone())
            .collect()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Last> {
        self.last.subscribe()
    }
}
