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
mod withdraw;

use std::time::Duration;

use nexus_events::id::{CommandId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_events::work::WorkCommand;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::connect::Bus;
use crate::memory::{Call, Line, MemoryQueue};
use crate::subject::{CommandSubject, Route};

pub use consume::CommandConsumer;
pub(crate) use consume::consumer_name;
pub use delivery::Delivery;
pub(crate) use delivery::Received;
pub(crate) use publish::{headers, put, subject_of};

/// How often a command is delivered before it is parked.
pub(crate) const DELIVERIES: u64 = 5;
/// How long a worker may be silent about a delivery before the next one. Always the same: with a
/// list of growing patience (`backoff`) the server would also stretch the delay a worker asks for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

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
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Bus(Bus),
    Memory(MemoryQueue, Line),
}

impl CommandQueue {
    /// The queue on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self {
            kind: Kind::Bus(bus.clone()),
        }
    }

    pub(crate) const fn of_memory(queue: MemoryQueue, line: Line) -> Self {
        Self {
            kind: Kind::Memory(queue, line),
        }
    }

    /// Queues a command. Its id derives from its cause, so doing it twice is harmless.
    ///
    /// # Errors
    /// See [`QueueError`].
    pub async fn publish(&self, command: &WorkCommand) -> Result<Published, QueueError> {
        self.send(command, true).await
    }

    /// Queues a command although the same one was queued before: for a reconciler that found it
    /// gone and its operation not ended.
    ///
    /// # Errors
    /// See [`QueueError`].
    pub async fn publish_again(&self, command: &WorkCommand) -> Result<Published, QueueError> {
        self.send(command, false).await
    }

    async fn send(&self, command: &WorkCommand, once: bool) -> Result<Published, QueueError> {
        match &self.kind {
            Kind::Bus(bus) => publish::send(bus, command, once).await,
            Kind::Memory(queue, line) => {
                let (queue, id, command) = (queue.clone(), command.id, command.clone());
                let publish = move || queue.publish(command, once);
                let answer = line.call(|| Call::Publish(id), publish).await;
                Ok(answer.map_err(CallError::from)?)
            }
        }
    }

    /// The open command about `workspace`, whichever worker it is for.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn pending(&self, workspace: WorkspaceId) -> Result<Option<Pending>, QueueError> {
        match &self.kind {
            Kind::Bus(bus) => publish::pending(bus, workspace).await,
            Kind::Memory(queue, line) => {
                let queue = queue.clone();
                let pending = move || queue.pending(workspace);
                let answer = line.call(|| Call::Pending, pending).await;
                Ok(answer.map_err(CallError::from)?)
            }
        }
    }

    /// Whether a worker was given this open command once, whatever became of it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn was_delivered(&self, pending: &Pending) -> Result<bool, QueueError> {
        match &self.kind {
            Kind::Bus(bus) => withdraw::was_delivered(bus, pending).await,
            Kind::Memory(queue, line) => {
                let (queue, sequence) = (queue.clone(), pending.sequence);
                let ask = move || queue.was_delivered(sequence);
                let answer = line.call(|| Call::Pending, ask).await;
                Ok(answer.map_err(CallError::from)?)
            }
        }
    }

    /// Takes an open command out, so that another has room. Whoever works on it goes on.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn withdraw(&self, pending: &Pending) -> Result<(), QueueError> {
        match &self.kind {
            Kind::Bus(bus) => withdraw::withdraw(bus, pending).await,
            Kind::Memory(queue, line) => {
                let (queue, sequence) = (queue.clone(), pending.sequence);
                let withdraw = move || queue.withdraw(sequence);
                let answer = line.call(|| Call::Withdraw, withdraw).await;
                Ok(answer.map_err(CallError::from)?)
            }
        }
    }

    /// Takes every command out of a queue in memory, for a test that is the worker.
    pub fn drain(&self) -> Vec<WorkCommand> {
        match &self.kind {
            Kind::Bus(_) => Vec::new(),
            Kind::Memory(queue, _) => queue.drain(),
        }
    }

    /// Takes the time from the server (`crate::clock`): a worker has no right to ask about a
    /// stream, and the consumer of its provider tells it as well.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn take_time(&self, provider: Provider) -> Result<(), QueueError> {
        // Made where it is missing: without it there is nothing to ask about.
        drop(self.consumer(provider, Route::Any).await?);
        if let Kind::Bus(bus) = &self.kind {
            bus.take_time(&consume::time(provider)).await?;
        }
        Ok(())
    }

    /// Takes the time from the server now and then until `stop`.
    pub async fn follow_time(&self, provider: Provider, stop: CancellationToken) {
        if let Kind::Bus(bus) = &self.kind {
            bus.follow_time(&consume::time(provider), &stop).await;
        }
    }
}
