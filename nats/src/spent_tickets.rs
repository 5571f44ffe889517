//! Which tickets were used: so that one counts once, whichever replica of `nexusd` it is shown to.

use bytes::Bytes;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::TICKETS;

/// The tickets used within the last minute, by all replicas. Clones share the connection.
#[derive(Debug, Clone)]
pub struct SpentTickets {
    bucket: Bucket,
}

impl SpentTickets {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self {
            bucket: Bucket::new(bus.clone(), TICKETS, "KV_nexus_tickets"),
        }
    }

    /// Uses up the ticket of this name; `false` when it was used before. Of any number that try at
    /// once, one is told `true`.
    ///
    /// # Errors
    /// When the server does not answer; the ticket may be used up then.
    pub async fn spend(&self, name: Uuid) -> Result<bool, CallError> {
        let key = name.simple().to_string();
        self.bucket.create(&key, Bytes::new()).await
    }
}
