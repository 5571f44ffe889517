//! The node aggregate: one worker's place, from joining to leaving.
//!
//! Heartbeats are not events (they would be most of the log); only what they tell is: a node that
//! went silent is lost, one heard again has returned.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Decision, EventData, Kind};
use crate::id::{NodeId, OperationId};
use crate::spec::{Capabilities, Provider};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeProfile {
    /// The provider its worker drives.
    pub provider: Provider,
    /// What the machine calls itself.
    pub hostname: String,
    /// The engine and its version (`docker 20.10.24`).
    pub engine: String,
    /// The worker's version.
    pub version: String,
    /// How many operations it works on at once.
    pub slots: u32,
    /// What its provider can do here.
    pub capabilities: Capabilities,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Never heard of.
    #[default]
    Absent,
    /// Taking work.
    Online,
    /// Finishing what it has, taking no more.
    Draining,
    /// Not heard from for too long; its workspaces are unknown.
    Lost,
    /// Went away in good order.
    Left,
}

/// Everything known of one node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Node {
    /// What it is; `None` only before it joined.
    pub profile: Option<NodeProfile>,
    /// Where it stands.
    pub status: NodeStatus,
    /// When that last changed.
    pub changed_at: Option<Timestamp>,
}

/// A fact about a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields mean what they mean in `Node`")]
pub enum NodeEvent {
    /// Its worker started, for the first time or again.
    Joined { profile: NodeProfile, at: Timestamp },
    /// It takes no more work.
    DrainStarted { at: Timestamp },
    /// It was not heard from for too long.
    Lost {
        last_heard: Option<Timestamp>,
        at: Timestamp,
    },
    /// It was heard again.
    Returned { at: Timestamp },
    /// Its worker ended in good order.
    Left { at: Timestamp },
}

/// What is asked of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields mean what they mean in `Node`")]
pub enum NodeCommand {
    /// Its worker starts.
    Join { profile: NodeProfile, at: Timestamp },
    /// Take no more work.
    Drain { at: Timestamp },
    /// Its heartbeat is too old.
    Lose {
        last_heard: Option<Timestamp>,
        at: Timestamp,
    },
    /// A heartbeat came.
    Hear { at: Timestamp },
    /// Its worker ends.
    Leave { at: Timestamp },
}

/// Why a command to a node was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeRejection {
    /// There is no such node.
    #[error("there is no such node")]
    NotFound,
}

/// What a worker says every few seconds; kept with a time to live, never in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which node.
    pub node: NodeId,
    /// When, by the worker's clock.
    pub at: Timestamp,
    /// Operations it is working on.
    pub running: Vec<OperationId>,
    /// Operations it could take now.
    pub free_slots: u32,
    /// Where it can be reached without going through NATS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link: Vec<LinkAddress>,
}

/// Where a node can be reached without going through NATS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LinkAddress {
    /// A unix socket, for whoever is on the same host.
    UnixSocket {
        /// The kernel's id of its present boot there.
        host: String,
        /// Where, as the worker sees it.
        path: String,
    },
    /// A port at which the worker speaks TLS with a key of its own, for whoever gets there.
    Tls {
        /// `host:port`.
        address: String,
        /// The SHA-256 of its public key (`SubjectPublicKeyInfo`), in hexadecimal.
        key: String,
    },
    /// Something a newer worker told.
    #[serde(other)]
    Unknown,
}

impl EventData for NodeEvent {
    const KIND: Kind = Kind::Node;

    fn name(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::DrainStarted { .. } => "drain_started",
            Self::Lost { .. } => "lost",
            Self::Returned { .. } => "returned",
            Self::Left { .. } => "left",
        }
    }
}

impl Aggregate for Node {
    const KIND: Kind = Kind::Node;
    type Id = NodeId;
    type Event = NodeEvent;
    type Command = NodeCommand;
    type Rejection = NodeRejection;

    fn decide(&self, command: &NodeCommand) -> Result<Decision<NodeEvent>, NodeRejection> {
        use NodeStatus::{Absent, Draining, Left, Lost, Online};
        let nothing = |reason| Ok(Decision::Nothing(reason));
        let event = |event| Ok(Decision::Event(event));
        match (command, self.status) {
            (NodeCommand::Join { profile, .. }, Online)
                if self.profile.as_ref() == Some(profile) =>
            {
                nothing("the node is online as it is")
            }
            (NodeCommand::Join { profile, at }, Absent | Online | Draining | Lost | Left) => {
                event(NodeEvent::Joined {
                    profile: profile.clone(),
                    at: *at,
                })
            }
            (_, Absent) => Err(NodeRejection::NotFound),
            (NodeCommand::Drain { at }, Online | Lost) => {
                event(NodeEvent::DrainStarted { at: *at })
            }
            (NodeCommand::Drain { .. }, Draining | Left) => {
                nothing("the node takes no work already")
            }
            (NodeCommand::Lose { last_heard, at }, Online | Draining) => event(NodeEvent::Lost {
                last_heard: *last_heard,
                at: *at,
            }),
            (NodeCommand::Lose { .. }, Lost | Left) => nothing("the node is gone already"),
            (NodeCommand::Hear { at }, Lost) => event(NodeEvent::Returned { at: *at }),
            (NodeCommand::Hear { .. }, Online | Draining | Left) => nothing("nothing changed"),
            (NodeCommand::Leave { at }, Online | Draining | Lost) => {
                event(NodeEvent::Left { at: *at })
            }
            (NodeCommand::Leave { .. }, Left) => nothing("the node has left already"),
        }
    }

    fn evolve(self, event: &NodeEvent) -> Self {
        let with = |profile, status, at: &Timestamp| Self {
            profile,
            status,
            changed_at: Some(*at),
        };
        match event {
            NodeEvent::Joined { profile, at } => {
                with(Some(profile.clone()), NodeStatus::Online, at)
            }
            NodeEvent::DrainStarted { at } => with(self.profile, NodeStatus::Draining, at),
            NodeEvent::Lost { at, .. } => with(self.profile, NodeStatus::Lost, at),
            NodeEvent::Returned { at } => with(self.profile, NodeStatus::Online, at),
            NodeEvent::Left { at } => with(self.profile, NodeStatus::Left, at),
        }
    }
}
