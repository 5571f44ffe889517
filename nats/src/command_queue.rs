//! Commands to workers: at most one open per workspace, redelivered until their outcome is stored.
//!
//! ```text
//!  publish ──► nexus.cmd.docker.any.ws-1 ──► a worker with room pulls it, and holds it (extending
//!     │ Busy: one is open                    itself every 3 s) while it works
//!     ▼                                         │
//!  Published                      done ─────────┤ the outcome event is stored: the message goes
//!                                 retry_after ──┤ comes back later
//!                                 give_up ──────┤ parked with the reason, then taken away
//!                                 dropped ──────┤ comes back at once (shutdown, panic)
//!                                 worker dies ──┘ comes back after 5 s, at most 5 times
//! ```
//!
//! An acknowledgement is no fence: a late one of a slow worker is accepted while another already
//! works. What keeps effects single is the operation's epoch and the outcome's expected sequence.

mod consume;
mod delivery;
mod publish;

use nexus_events::id::{CommandId, WorkspaceId};

use crate::call::CallError;
use crate::connect::Bus;
use crate::subject::CommandSubject;

pub use consume::CommandConsumer;
pub(crate) use consume::consumer_name;
pub use delivery::Delivery;
pub(crate) use delivery::Received;
pub(crate) use publish::{headers, put};

/// What became of a published command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is in the queue.
    Queued,
    /// This very command was queued less than 2 minutes ago; it may be done by now.
    Repeated,
    /// Another command is open for this workspace and route.
    Busy,
}

/// A command in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its position in the queue's stream.
    pub sequence: u64,
    /// Where it stands.
    pub subject: CommandSubject,
    /// Its id, where it can be read.
    pub id: Option<CommandId>,
    /// When it was queued.
    pub since: jiff::Timestamp,
}

/// Why the queue could not be used.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The server did not answer, or refused. Publishing the same command again is harmless.
    #[error("the command queue")]
    Call(#[from] CallError),
    /// The command cannot be written as JSON.
    #[error("writing the command as JSON")]
    Encode(#[from] serde_json::Error),
}

/// The queue. Clones share it.
#[derive(Debug, Clone)]
pub struct CommandQueue {
    bus: Bus,
}

impl CommandQueue {
    /// The queue on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// The open command about `workspace`, whichever worker it is for.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn pending(&self, workspace: WorkspaceId) -> Result<Option<Pending>, QueueError> {
        publish::pending(&self.bus, workspace).await
    }
}
