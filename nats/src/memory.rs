//! The bus's twin in memory: log, queue and heartbeats that give the same answers without a server,
//! checked by the same suites ([`crate::conformance`]).
//!
//! Everybody who reaches one [`MemoryBus`] sees one log and one queue. Between them and it lies
//! nothing, or a [`Wire`]: that is where a simulation delays, loses and cuts.

mod beats;
mod log;
mod queue;
mod wire;

use std::sync::Arc;

pub(crate) use beats::MemoryBeats;
pub(crate) use log::MemoryLog;
pub(crate) use queue::{MemoryQueue, Taken};
pub(crate) use wire::Line;

pub use queue::GivenUp;
pub use wire::{Call, Carrying, Effect, Lost, Wire};

use nexus_events::work::WorkCommand;

use crate::command_queue::CommandQueue;
use crate::event_log::{Log, Recorded};
use crate::heartbeat::Heartbeats;

/// A bus that lives as long as its last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    log: MemoryLog,
    queue: MemoryQueue,
    beats: MemoryBeats,
    line: Line,
}

/// How a bus may be wrong: planted to see that whoever looks for it finds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flaws {
    /// The log takes an append whatever it expects.
    pub unfenced: bool,
    /// The queue says yes to an acknowledgement and keeps the command.
    pub loses_acknowledgements: bool,
}

impl MemoryBus {
    /// An empty one with these flaws.
    pub fn with_flaws(flaws: Flaws) -> Self {
        Self {
            log: MemoryLog::with_flaws(flaws),
            queue: MemoryQueue::with_flaws(flaws),
            ..Self::default()
        }
    }

    /// The same bus, reached over `wire` by one process.
    #[must_use]
    pub fn over(&self, wire: Arc<dyn Wire>) -> Self {
        Self {
            line: Line::over(wire),
            ..self.clone()
        }
    }

    /// The log, as one process reaches it.
    pub fn log(&self) -> Log {
        Log::of_memory(self.log.clone(), self.line.clone())
    }

    /// The queue of commands.
    pub fn commands(&self) -> CommandQueue {
        CommandQueue::of_memory(self.queue.clone(), self.line.clone())
    }

    /// The heartbeats.
    pub fn heartbeats(&self) -> Heartbeats {
        Heartbeats::of_memory(self.beats.clone(), self.line.clone())
    }

    /// What the log has after `sequence`, as nobody's wire delays it.
    pub fn recorded_after(&self, sequence: u64) -> Vec<Recorded> {
        self.log.some_after(sequence, usize::MAX, |_| true)
    }

    /// Commands in the queue, delivered or not.
    pub fn open_commands(&self) -> Vec<WorkCommand> {
        self.queue.open_commands()
    }

    /// Commands that were given up (parked, on a server), without the first `known` ones.
    pub fn given_up_after(&self, known: usize) -> Vec<GivenUp> {
        self.queue.given_up_after(known)
    }

    /// Has every command that a worker holds delivered once more, as if its patience were over.
    pub fn deliver_again(&self) {
        self.queue.deliver_again();
    }
}
