//! Saying it: one workspace at a time, a few at once on each node, so that a node that does not
//! answer holds up nobody but itself.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_init_protocol::ClientError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access::{Plan, Source, SourceError, Versions};
use crate::clock::Clock;
use crate::gateway::Gateway;

/// How long one init may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Inits of one node that are spoken to at once.
const AT_ONCE: usize = 8;

/// Says documents to inits, and remembers which. Clones share the memory.
#[derive(Debug, Clone)]
pub(super) struct Push {
    pub(super) source: Source,
    pub(super) gateway: Gateway,
    pub(super) clock: Clock,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    said: HashMap<WorkspaceId, Said>,
    nodes: HashMap<NodeId, Arc<Semaphore>>,
}

/// What an init has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Said {
    access: Option<u64>,
    credentials: Option<u64>,
}

impl Said {
    fn is(&self, versions: Versions) -> bool {
        self.access == Some(versions.access) && self.credentials == Some(versions.credentials)
    }
}

/// Why an init was not told; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum PushError {
    /// The document could not be made.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Init refused it, or the way there did.
    #[error("telling init who may log in")]
    Init(#[from] ClientError),
    /// It took too long.
    #[error("init did not answer within {} s", PATIENCE.as_secs())]
    Slow,
}

impl From<crate::queries::QueryError> for PushError {
    fn from(error: crate::queries::QueryError) -> Self {
        Self::Source(error.into())
    }
}

impl Push {
    pub(super) fn new(source: Source, gateway: Gateway, clock: Clock) -> Self {
        Self {
            source,
            gateway,
            clock,
            memory: Arc::default(),
        }
    }

    /// Whether an init has all it is to have; one without a machine has.
    pub(super) fn is_done(&self, workspace: WorkspaceId) -> Result<bool, PushError> {
        let plan = self.source.plan(workspace, self.clock.now())?;
        Ok(plan.is_none_or(|plan| self.said(workspace).is(plan.versions)))
    }

    /// Says whatever has not been said; gives whether there was anything.
    pub(super) async fn say(&self, workspace: WorkspaceId) -> Result<bool, PushError> {
        let Some(before) = self.source.plan(workspace, self.clock.now())? else {
            self.lock().said.remove(&workspace);
            return Ok(false);
        };
        let _turn = self.turn(before.node).await;
        // What came about while waiting is said along.
        let Some(plan) = self.source.plan(workspace, self.clock.now())? else {
            return Ok(false);
        };
        if self.said(workspace).is(plan.versions) {
            return Ok(false);
        }
        match timeout(PATIENCE, self.say_planned(&plan)).await {
            Ok(said) => said.map(|()| true),
            Err(_) => Err(PushError::Slow),
        }
    }

    /// Forgets what was said to all but these; who has no machine has heard nothing.
    pub(super) fn remember_only(&self, workspaces: &HashSet<WorkspaceId>) {
        let said = &mut self.lock().said;
        said.retain(|workspace, _| workspaces.contains(workspace));
    }

    async fn say_planned(&self, plan: &Plan) -> Result<(), PushError> {
        let said = self.said(plan.workspace);
        let client = self.gateway.client(plan.node, plan.workspace);
        if said.access != Some(plan.versions.access) {
            let access = self.source.access(plan, self.clock.now()).await?;
            client.set_access(&access).await?;
            self.note(plan.workspace, |said| {
                said.access = Some(plan.versions.access);
            });
        }
        if said.credentials != Some(plan.versions.credentials) {
            let credentials = self.source.credentials(plan).await?;
            client.set_credentials(&credentials).await?;
            self.note(plan.workspace, |said| {
                said.credentials = Some(plan.versions.credentials);
            });
        }
        Ok(())
    }

    /// Waits for a turn at the node. The semaphore is never closed, so it comes.
    async fn turn(&self, node: NodeId) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let semaphore = {
            let mut memory = self.lock();
            let turns = memory.nodes.entry(node);
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
        };
        semaphore.acquire_owned().await.ok()
    }

    fn said(&self, workspace: WorkspaceId) -> Said {
        self.lock()
            .said
            .get(&workspace)
            .copied()
            .unwrap_or_default()
    }

    fn note(&self, workspace: WorkspaceId, change: impl FnOnce(&mut Said)) {
        change(self.lock().said.entry(workspace).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
