//! Signs of life of the nodes: the last one of each, for 60 s, never in the log.

use nexus_events::node::Heartbeat;

use crate::bucket::{Bucket, removes};
use crate::call::CallError;
use crate::connect::Bus;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::topology::NODES;

/// Why a heartbeat could not be sent or read.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// The server did not answer, or refused.
    #[error("the heartbeats of nodes")]
    Call(#[from] CallError),
    /// It cannot be written as JSON.
    #[error("writing a heartbeat as JSON")]
    Encode(#[from] serde_json::Error),
}

/// The heartbeats of all nodes. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    bucket: Bucket,
}

impl Heartbeats {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self {
            bucket: Bucket::new(bus.clone(), NODES, "KV_nexus_nodes"),
        }
    }

    /// Says that a node lives.
    ///
    /// # Errors
    /// When it may not have been heard; say it again at the next beat.
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), HeartbeatError> {
        let value = serde_json::to_vec(heartbeat)?.into();
        Ok(self.bucket.put(&heartbeat.node.to_string(), value).await?)
    }

    /// The last heartbeat of every node heard of in the last 60 s.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn all(&self) -> Result<Vec<Heartbeat>, HeartbeatError> {
        let mut feed = self.bucket.feed();
        feed.open(Start::LastPerSubject).await?;
        let mut all = Vec::new();
        loop {
            let message = match feed.next().await {
                Fed::Message(message) => message,
                Fed::CaughtUp => return Ok(all),
                Fed::Closed => {
                    let attempt = "listing heartbeats";
                    let cause = "the connection was lost";
                    return Err(CallError::NoAnswer { attempt, cause }.into());
                }
            };
            let last = message.pending == 0;
            all.extend(heartbeat(&message));
            if last {
                return Ok(all);
            }
        }
    }

    /// The last heartbeat of every node, then each new one.
    pub fn watch(&self) -> HeartbeatWatch {
        HeartbeatWatch {
            bus: self.bucket.bus().clone(),
            feed: self.bucket.feed(),
        }
    }
}

/// A reader of heartbeats that never ends.
#[derive(Debug)]
pub struct HeartbeatWatch {
    bus: Bus,
    feed: Feed,
}

impl HeartbeatWatch {
    /// The next heartbeat. After a reconnect the last ones may come again.
    ///
    /// # Errors
    /// When the server refuses; a server that is away is waited for.
    pub async fn next(&mut self) -> Result<Heartbeat, HeartbeatError> {
        loop {
            if !self.feed.is_open() {
                match self.feed.open(Start::LastPerSubject).await {
                    Err(error) if error.is_temporary() => self.bus.pause_or_reconnected().await,
                    answer => answer?,
                }
                continue;
            }
            if let Fed::Message(message) = self.feed.next().await
                && let Some(heartbeat) = heartbeat(&message)
            {
                return Ok(heartbeat);
            }
        }
    }
}

/// `None` for a removed key, and for what a newer worker may say.
fn heartbeat(message: &FeedMessage) -> Option<Heartbeat> {
    if removes(message) {
        return None;
    }
    match serde_json::from_slice(&message.payload) {
        Ok(heartbeat) => Some(heartbeat),
        Err(error) => {
            tracing::warn!(%error, subject = %message.subject, "a heartbeat cannot be read");
            None
        }
    }
}
