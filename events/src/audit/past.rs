//! How everything stood when an event was the newest one: the events up to there, folded.
//!
//! What is no event is not known: heartbeats, what runs at this moment on a node, personal fields.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::aggregate::Aggregate;
use crate::claim::{Claim, ClaimId};
use crate::id::{NodeId, UserId, WorkspaceId};
use crate::name::{ServiceName, WorkspaceName};
use crate::node::{Node, NodeStatus};
use crate::upcast::AnyEvent;
use crate::user::User;
use crate::view::{NodeView, Surroundings, WorkspaceView};
use crate::workspace::{Phase, Workspace};

/// An aggregate as of its last event.
#[derive(Debug, Clone, PartialEq)]
pub struct Known<A> {
    /// The state.
    pub state: A,
    /// The sequence of its last event; 0 for none.
    pub sequence: u64,
    /// When that event was decided.
    pub updated_at: Timestamp,
}

impl<A: Default> Default for Known<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            sequence: 0,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

impl<A: Aggregate> Known<A> {
    fn evolve(&mut self, event: &A::Event, sequence: u64, at: Timestamp) {
        self.state = std::mem::take(&mut self.state).evolve(event);
        self.sequence = sequence;
        self.updated_at = at;
    }
}

/// A port of a node that leads to a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortView {
    /// The port.
    pub port: u16,
    /// The service behind it; `None`: SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What its owner calls it, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<WorkspaceName>,
}

/// Everything, as of one event.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The newest event in it; 0 for none.
    pub sequence: u64,
    /// Workspaces, deleted ones too.
    pub workspaces: BTreeMap<WorkspaceId, Known<Workspace>>,
    /// Users.
    pub users: BTreeMap<UserId, Known<User>>,
    /// Nodes.
    pub nodes: BTreeMap<NodeId, Known<Node>>,
    /// Names and ports.
    pub claims: BTreeMap<ClaimId, Known<Claim>>,
}

impl Past {
    /// Goes on to `entry`. An aggregate whose id is none of its kind is passed over, as the read
    /// models do.
    pub fn take(&mut self, entry: &Entry) {
        let (sequence, at, id) = (entry.sequence, entry.time(), entry.subject());
        self.sequence = sequence;
        match &entry.event {
            AnyEvent::Workspace(event) => {
                fold(&mut self.workspaces, id, |known| {
                    known.evolve(&event.data, sequence, at);
                });
            }
            AnyEvent::User(event) => {
                fold(&mut self.users, id, |known| {
                    known.evolve(&event.data, sequence, at);
                });
            }
            AnyEvent::Node(event) => {
                fold(&mut self.nodes, id, |known| {
                    known.evolve(&event.data, sequence, at);
                });
            }
            AnyEvent::Claim(event) => {
                fold(&mut self.claims, id, |known| {
                    known.evolve(&event.data, sequence, at);
                });
            }
        }
    }

    /// The workspaces that were there, in the order they were asked for. `login` tells what a
    /// user is called, where somebody knows.
    pub fn list(&self, host: &str, login: impl Fn(UserId) -> Option<String>) -> Vec<WorkspaceView> {
        let mut views: Vec<_> = self
            .workspaces
            .iter()
            .filter(|(_, known)| known.state.phase != Phase::Deleted)
            .filter_map(|(id, known)| self.view(*id, known, host, &login))
            .collect();
        views.sort_by_key(|view| (view.created_at, view.id));
        views
    }

    /// The workspace of this id or name, the newest of that name, deleted ones last.
    pub fn find(&self, text: &str) -> Option<(WorkspaceId, &Known<Workspace>)> {
        if let Ok(id) = text.parse::<WorkspaceId>() {
            return self.workspaces.get(&id).map(|known| (id, known));
        }
        let called = |known: &Known<Workspace>| {
            let definition = known.state.definition.as_ref();
            definition.is_some_and(|definition| definition.name.as_str() == text)
        };
        let rank = |known: &Known<Workspace>| {
            let requested = known.state.definition.as_ref().map(|own| own.requested_at);
            (known.state.phase != Phase::Deleted, requested)
        };
        let named = self.workspaces.iter().filter(|(_, known)| called(known));
        let newest = named.max_by_key(|(_, known)| rank(known));
        newest.map(|(id, known)| (*id, known))
    }

    /// A workspace as the API would have answered it.
    pub fn view(
        &self,
        id: WorkspaceId,
        known: &Known<Workspace>,
        host: &str,
        login: &impl Fn(UserId) -> Option<String>,
    ) -> Option<WorkspaceView> {
        let owner = known.state.definition.as_ref()?.owner;
        let around = Surroundings {
            host,
            owner_login: login(owner),
            unknown: self.is_lost(known.state.node),
            updated_at: known.updated_at,
            version: known.sequence,
            sequence: self.sequence,
        };
        WorkspaceView::of(id, &known.state, around)
    }

    fn is_lost(&self, node: Option<NodeId>) -> bool {
        let known = node.and_then(|node| self.nodes.get(&node));
        known.is_some_and(|known| known.state.status == NodeStatus::Lost)
    }

    /// The nodes that had joined, without what only a heartbeat tells.
    pub fn nodes(&self) -> Vec<NodeView> {
        let view = |(id, known): (&NodeId, &Known<Node>)| {
            let held = self.workspaces.values();
            let held = held.filter(|workspace| workspace.state.node == Some(*id));
            Some(NodeView {
                id: *id,
                profile: known.state.profile.clone()?,
                status: known.state.status,
                last_heard: None,
                running: Vec::new(),
                workspaces: held.count() as u64,
            })
        };
        self.nodes.iter().filter_map(view).collect()
    }

    /// The ports that led to workspaces, in their order.
    pub fn ports(&self) -> Vec<PortView> {
        let name = |id: WorkspaceId| {
            let known = self.workspaces.get(&id)?;
            Some(known.state.definition.as_ref()?.name.clone())
        };
        let claimed = self.claims.iter().filter_map(|(claim, known)| {
            let ClaimId::Port(port) = claim else {
                return None;
            };
            Some((*port, None, known.state.holder?.workspace()?))
        });
        let mapped = self.workspaces.iter().flat_map(|(id, known)| {
            let services = known.state.services.iter();
            services.filter_map(|(service, state)| {
                Some((state.mapped_port?, Some(service.clone()), *id))
            })
        });
        let mut ports: Vec<PortView> = claimed
            .chain(mapped)
            .map(|(port, service, workspace)| PortView {
                port,
                service,
                workspace,
                name: name(workspace),
            })
            .collect();
        ports.sort_by_key(|view| (view.port, view.workspace));
        ports
    }
}

fn fold<K: Ord + std::str::FromStr, A: Default>(
    all: &mut BTreeMap<K, Known<A>>,
    id: &str,
    evolve: impl FnOnce(&mut Known<A>),
) {
    if let Ok(id) = id.parse() {
        evolve(all.entry(id).or_default());
    }
}
