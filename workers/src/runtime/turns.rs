//! One operation at a time per workspace; a newer one ends the older first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_events::id::{OperationId, WorkspaceId};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// Who works on which workspace.
#[derive(Debug, Default, Clone)]
pub(super) struct Turns {
    workspaces: Arc<Mutex<HashMap<WorkspaceId, Entry>>>,
}

#[derive(Debug, Default)]
struct Entry {
    turn: Arc<AsyncMutex<()>>,
    working: Option<Working>,
    /// The task that watches the workspace while nothing is done to it.
    watch: Option<Watching>,
    users: usize,
}

#[derive(Debug)]
struct Working {
    operation: OperationId,
    epoch: u64,
    cancel: CancellationToken,
}

#[derive(Debug)]
struct Watching(tokio::task::JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The right to work on a workspace, until dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    workspace: WorkspaceId,
    /// Cancelled when a newer operation waits for its turn.
    pub(super) superseded: CancellationToken,
    _lock: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for the turn; older work on the workspace is cancelled.
    pub(super) async fn take(
        &self,
        workspace: WorkspaceId,
        operation: OperationId,
        epoch: u64,
    ) -> Turn {
        let waiting = self.wait_in_line(workspace, epoch);
        let lock = Arc::clone(&waiting.turn).lock_owned().await;
        let superseded = CancellationToken::new();
        let cancel = superseded.clone();
        self.with(workspace, |entry| {
            entry.working = Some(Working {
                operation,
                epoch,
                cancel,
            })
        });
        waiting.stay();
        Turn {
            turns: self.clone(),
            workspace,
            superseded,
            _lock: lock,
        }
    }

    /// What is worked on now.
    pub(super) fn running(&self) -> Vec<OperationId> {
        let working = |entry: &Entry| entry.working.as_ref().map(|working| working.operation);
        self.lock().values().filter_map(working).collect()
    }

    /// Whether a task watches the workspace or works on it.
    pub(super) fn is_held(&self, workspace: WorkspaceId) -> bool {
        let held = |entry: &Entry| {
            let watched = entry
                .watch
                .as_ref()
                .is_some_and(|watch| !watch.0.is_finished());
            watched || entry.users > 0
        };
        self.lock().get(&workspace).is_some_and(held)
    }

    /// `task` watches the workspace from here on.
    pub(super) fn watch(&self, workspace: WorkspaceId, task: tokio::task::JoinHandle<()>) {
        self.with(workspace, |entry| entry.watch = Some(Watching(task)));
    }

    /// Nobody watches the workspace any more.
    pub(super) fn unwatch(&self, workspace: WorkspaceId) {
        let mut workspaces = self.lock();
        if let Some(entry) = workspaces.get_mut(&workspace) {
            entry.watch = None;
            if entry.users == 0 {
                workspaces.remove(&workspace);
            }
        }
    }

    fn wait_in_line(&self, workspace: WorkspaceId, epoch: u64) -> InLine<'_> {
        let mut turn = None;
        self.with(workspace, |entry| {
            entry.users += 1;
            if let Some(working) = entry
                .working
                .as_ref()
                .filter(|working| working.epoch < epoch)
            {
                working.cancel.cancel();
            }
            turn = Some(Arc::clone(&entry.turn));
        });
        InLine {
            turns: self,
            workspace,
            turn: turn.unwrap_or_default(),
            stays: false,
        }
    }

    fn leave(&self, workspace: WorkspaceId) {
        let mut workspaces = self.lock();
        if let Some(entry) = workspaces.get_mut(&workspace) {
            entry.users = entry.users.saturating_sub(1);
            if entry.users == 0 && entry.watch.is_none() {
                workspaces.remove(&workspace);
            }
        }
    }

    fn with(&self, workspace: WorkspaceId, change: impl FnOnce(&mut Entry)) {
        change(self.lock().entry(workspace).or_default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkspaceId, Entry>> {
        // Every change is a single step, so a panic elsewhere leaves nothing half changed.
        self.workspaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line, given up when dropped before the turn came.
struct InLine<'a> {
    turns: &'a Turns,
    workspace: WorkspaceId,
    turn: Arc<AsyncMutex<()>>,
    stays: bool,
}

impl InLine<'_> {
    fn stay(mut self) {
        self.stays = true;
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        if !self.stays {
            self.turns.leave(self.workspace);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns
            .with(self.workspace, |entry| entry.working = None);
        self.turns.leave(self.workspace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn a_newer_operation_ends_the_older_and_waits_for_it() {
        let turns = Turns::default();
        let workspace = WorkspaceId::from_uuid(Uuid::from_u128(1));
        let [first, second] = [1, 2].map(|n| OperationId::from_uuid(Uuid::from_u128(n)));
        let older = turns.take(workspace, first, 1).await;
        let newer = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(workspace, second, 2).await }
        });
        older.superseded.cancelled().await;
        assert_eq!(turns.running(), [first]);
        drop(older);
        let newer = newer.await.unwrap();
        assert_eq!(turns.running(), [second]);
        drop(newer);
        assert!(turns.lock().is_empty());
    }
}
