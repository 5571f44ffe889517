//! Signs of life of the nodes: the last one of each, for 60 s, never in the log.

use std::collections::HashMap;

use jiff::Timestamp;
use nexus_events::id::NodeId;
use nexus_events::node::Heartbeat;

use crate::bucket::{Bucket, removes};
use crate::call::CallError;
use crate::connect::Bus;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::memory::{Call, Line, MemoryBeats};
use crate::stored::stored_at;
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
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Bus(Bucket),
    Memory(MemoryBeats, Line),
}

impl Heartbeats {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        let bucket = Bucket::new(bus.clone(), NODES, "KV_nexus_nodes");
        Self {
            kind: Kind::Bus(bucket),
        }
    }

    pub(crate) const fn of_memory(beats: MemoryBeats, line: Line) -> Self {
        Self {
            kind: Kind::Memory(beats, line),
        }
    }

    /// Says that a node lives.
    ///
    /// # Errors
    /// When it may not have been heard; say it again at the next beat.
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), HeartbeatError> {
        let sent = match &self.kind {
            Kind::Bus(bucket) => {
                let value = serde_json::to_vec(heartbeat)?.into();
                let put = bucket.put(&heartbeat.node.to_string(), value).await;
                put.map(drop)
            }
            Kind::Memory(beats, line) => {
                let (beats, node, heartbeat) = (beats.clone(), heartbeat.node, heartbeat.clone());
                let beat = move || beats.beat(heartbeat);
                let answer = line.call(|| Call::Beat(node), beat).await;
                answer.map_err(CallError::from)
            }
        };
        Ok(sent?)
    }

    /// The last heartbeat of every node heard of in the last 60 s.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn all(&self) -> Result<Vec<Heartbeat>, HeartbeatError> {
        let bucket = match &self.kind {
            Kind::Bus(bucket) => bucket,
            Kind::Memory(beats, line) => {
                let beats = beats.clone();
                let answer = line.call(|| Call::Hear, move || beats.all()).await;
                return Ok(answer.map_err(CallError::from)?);
            }
        };
        let mut feed = bucket.feed();
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

    /// The last heartbeat of `node`, if it was heard of in the last 60 s: what the server knows
    /// now, however long ago this process listened.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn last(&self, node: NodeId) -> Result<Option<Heartbeat>, HeartbeatError> {
        match &self.kind {
            Kind::Bus(bucket) => {
                let entry = bucket.entry(&node.to_string()).await?;
                Ok(entry.and_then(|(value, at)| read(&node.to_string(), &value, at)))
            }
            Kind::Memory(..) => {
                let mut all = self.all().await?.into_iter();
                Ok(all.find(|heartbeat| heartbeat.node == node))
            }
        }
    }

    /// The last heartbeat of every node, then each new one.
    pub fn watch(&self) -> HeartbeatWatch {
        let source = match &self.kind {
            Kind::Bus(bucket) => Source::Bus {
                bus: bucket.bus().clone(),
                feed: Box::new(bucket.feed()),
            },
            Kind::Memory(beats, line) => Source::Memory {
                beats: beats.clone(),
                line: line.clone(),
                heard: HashMap::new(),
            },
        };
        HeartbeatWatch { source }
    }
}

/// A reader of heartbeats that never ends.
#[derive(Debug)]
pub struct HeartbeatWatch {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Bus {
        bus: Bus,
        feed: Box<Feed>,
    },
    Memory {
        beats: MemoryBeats,
        line: Line,
        heard: HashMap<NodeId, Timestamp>,
    },
}

impl HeartbeatWatch {
    /// The next heartbeat. After a reconnect the last ones may come again.
    ///
    /// # Errors
    /// When the server refuses; a server that is away is waited for.
    pub async fn next(&mut self) -> Result<Heartbeat, HeartbeatError> {
        match &mut self.source {
            Source::Bus { bus, feed } => next_on_bus(bus, feed).await,
            Source::Memory { beats, line, heard } => Ok(next_in_memory(beats, line, heard).await),
        }
    }
}

async fn next_on_bus(bus: &Bus, feed: &mut Feed) -> Result<Heartbeat, HeartbeatError> {
    loop {
        if !feed.is_open() {
            match feed.open(Start::LastPerSubject).await {
                Err(error) if error.is_temporary() => bus.pause_or_reconnected().await,
                answer => answer?,
            }
            continue;
        }
        if let Fed::Message(message) = feed.next().await
            && let Some(heartbeat) = heartbeat(&message)
        {
            return Ok(heartbeat);
        }
    }
}

async fn next_in_memory(
    beats: &MemoryBeats,
    line: &Line,
    heard: &mut HashMap<NodeId, Timestamp>,
) -> Heartbeat {
    let mut changes = beats.changes();
    loop {
        changes.borrow_and_update();
        let there = beats.clone();
        let all = line.call(|| Call::Hear, move || there.all()).await;
        let mut all = all.unwrap_or_default().into_iter();
        if let Some(new) = all.find(|beat| heard.get(&beat.node) != Some(&beat.at)) {
            heard.insert(new.node, new.at);
            return new;
        }
        // The sender is held by the caller, so this ends with a change only.
        let _ = changes.changed().await;
    }
}

/// `None` for a removed key, and for what a newer worker may say.
fn heartbeat(message: &FeedMessage) -> Option<Heartbeat> {
    if removes(message) {
        return None;
    }
    let at = stored_at(message.nanoseconds);
    read(&message.subject, &message.payload, at)
}

/// When it was heard is what the server says, whose clock it is measured by; the node's own may be
/// hours off.
fn read(subject: &str, payload: &[u8], at: Timestamp) -> Option<Heartbeat> {
    match serde_json::from_slice::<Heartbeat>(payload) {
        Ok(heartbeat) => Some(Heartbeat { at, ..heartbeat }),
        Err(error) => {
            tracing::warn!(%error, subject, "a heartbeat cannot be read");
            None
        }
    }
}
