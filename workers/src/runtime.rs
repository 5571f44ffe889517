//! From a command on the queue to an outcome in the log.
//!
//! ```text
//!  queue ─► take turn ─► Place ─────► bring up / stop / delete ─► outcome stored ─► ack
//!              │           │ the fence        │ steps told as they go
//!              │           ▼                  ▼
//!              │      refused: somebody    superseded, timed out: let go, ack
//!              │      else's, or over      log or engine away: try on, or hand back
//!              ▼
//!   a newer epoch of the same workspace cancels the older work first
//! ```
//!
//! Who may do what:
//!
//! * `consume` pulls when there is room, and answers the queue: the only place that acks.
//! * [`Runtime::perform`] works on one command and says how it came out ([`Verdict`]). It may be
//!   dropped at any await: whatever was done is found again by the next delivery (deterministic
//!   names in the provider, deterministic event ids in the log).
//! * `reporter` alone appends for an operation, in order, beside the effects; a refused append is
//!   how the work learns that it is no longer wanted.
//! * `knock` asks for the start of a stopped workspace that somebody connects to.
//! * `watch` has a workspace once it is up: services, activity, the unasked end.
//!
//! Races, and why they are harmless: *two workers take one command*: one is placed, the other's
//! Place is refused. *A slow worker wakes up after its operation was superseded*: its appends are
//! refused, and what it made bears the workspace's one name, so the newer operation finds it. *The
//! worker dies between effect and report*: the command comes again, finds the effect, reports it;
//! the ids of reports derive from what they tell, so none is told twice.

mod adopt;
mod attempt;
mod bring_up;
mod consume;
mod follow;
mod halt;
mod heartbeat;
mod knock;
mod node;
mod output;
mod perform;
mod plan;
mod positions;
mod recorder;
mod reporter;
mod set_up;
mod ssh_port;
mod steps;
mod tear_down;
mod turns;
mod watch;

use std::sync::{Arc, Weak};
use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::node::LinkAddress;
use nexus_events::workspace::Workspace;
use nexus_nats::{Log, Repository};
use tokio_util::sync::CancellationToken;

pub use self::adopt::Found;
pub use self::consume::{Queues, Room};
pub use self::node::{Membership, NodeError};
pub use self::output::Output;
pub use self::perform::Verdict;
pub use self::positions::Positions;

use self::knock::Knocks;
use self::turns::Turns;
use crate::ports::Ports;
use crate::provider::Provider;

/// What a worker may be told; the defaults suit one machine.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Operations worked on at once; as many again about machines this node holds already, so that
    /// a stop or delete never waits behind creates.
    pub slots: usize,
    /// How long a machine is given to end by itself.
    pub stop_grace: Duration,
    /// How often an operation at work looks whether it is still wanted.
    pub fence_interval: Duration,
    /// How long a step is tried again while its provider fails in ways that may pass.
    pub retry_budget: Duration,
    /// How long another port is waited for when something else listens on the one for SSH.
    pub port_patience: Duration,
    /// How long running operations may go on after the worker was asked to end.
    pub shutdown_grace: Duration,
    /// Where this node can be reached directly, for the heartbeat.
    pub link: Vec<LinkAddress>,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            slots: 8,
            stop_grace: Duration::from_secs(10),
            fence_interval: Duration::from_secs(2),
            retry_budget: Duration::from_secs(20),
            port_patience: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(20),
            link: Vec::new(),
        }
    }
}

/// One worker's work. Clones share it.
#[derive(Debug)]
pub struct Runtime<P> {
    shared: Arc<Shared<P>>,
}

#[derive(Debug)]
struct Shared<P> {
    /// Itself, for what must not keep it alive.
    me: Weak<Self>,
    provider: P,
    node: NodeId,
    workspaces: Repository<Workspace>,
    output: Output,
    ports: Ports,
    positions: Positions,
    turns: Turns,
    knocks: Knocks,
    options: RuntimeOptions,
    /// Set when work is to be handed back.
    ending: CancellationToken,
}

impl<P> Clone for Runtime<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P: Provider> Runtime<P> {
    /// A worker called `node`, telling `log` what it does.
    pub fn new(
        provider: P,
        node: NodeId,
        log: Log,
        output: Output,
        ports: Ports,
        positions: Positions,
        options: RuntimeOptions,
    ) -> Self {
        Self {
            shared: Arc::new_cyclic(|me| Shared {
                me: me.clone(),
                provider,
                node,
                workspaces: Repository::new(log),
                output,
                ports,
                positions,
                turns: Turns::default(),
                knocks: Knocks::default(),
                options,
                ending: CancellationToken::new(),
            }),
        }
    }

    /// The provider it drives.
    pub fn provider(&self) -> &P {
        &self.shared.provider
    }

    /// Whose reports these are.
    pub fn node(&self) -> NodeId {
        self.shared.node
    }

    /// The ports it listens on for its workspaces.
    pub fn ports(&self) -> &Ports {
        &self.shared.ports
    }

    /// Lets go of everything at work; it is handed back to the queue. Workspaces go on running.
    pub fn hand_back(&self) {
        self.shared.ending.cancel();
    }
}
