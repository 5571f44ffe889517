//! Where commands for workers go: the queue on the bus, or a list beside a log in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_events::id::WorkspaceId;
use nexus_events::work::WorkCommand;
use nexus_nats::command_queue::QueueError;
use nexus_nats::{CommandQueue, Published};

/// The queue of commands.
#[derive(Debug, Clone)]
pub enum Dispatch {
    /// On the bus.
    Bus(CommandQueue),
    /// In memory: at most one command per workspace, as on the bus.
    Memory(Arc<Mutex<Vec<WorkCommand>>>),
}

impl Dispatch {
    /// An empty one in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Queues a command, unless the workspace has an open one.
    ///
    /// # Errors
    /// When the bus does not answer or refuses.
    pub async fn publish(&self, command: &WorkCommand) -> Result<Published, QueueError> {
        match self {
            Self::Bus(queue) => queue.publish(command).await,
            Self::Memory(list) => Ok(put(list, command)),
        }
    }

    /// Queues a command anew although it was queued a moment ago: its message got lost.
    ///
    /// # Errors
    /// When the bus does not answer or refuses.
    pub async fn publish_again(&self, command: &WorkCommand) -> Result<Published, QueueError> {
        match self {
            Self::Bus(queue) => queue.publish_again(command).await,
            Self::Memory(list) => Ok(put(list, command)),
        }
    }

    /// Whether a command for this workspace is open.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn is_pending(&self, workspace: WorkspaceId) -> Result<bool, QueueError> {
        match self {
            Self::Bus(queue) => Ok(queue.pending(workspace).await?.is_some()),
            Self::Memory(list) => Ok(lock(list).iter().any(|open| open.workspace == workspace)),
        }
    }

    /// Takes every queued command, where they are in memory.
    pub fn drain(&self) -> Vec<WorkCommand> {
        match self {
            Self::Bus(_) => Vec::new(),
            Self::Memory(list) => std::mem::take(&mut *lock(list)),
        }
    }
}

fn put(list: &Mutex<Vec<WorkCommand>>, command: &WorkCommand) -> Published {
    let mut list = lock(list);
    if list.iter().any(|open| open.id == command.id) {
        return Published::Repeated;
    }
    if list.iter().any(|open| open.workspace == command.workspace) {
        return Published::Busy;
    }
    list.push(command.clone());
    Published::Queued
}

fn lock(list: &Mutex<Vec<WorkCommand>>) -> MutexGuard<'_, Vec<WorkCommand>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
