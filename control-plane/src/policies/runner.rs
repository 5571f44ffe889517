//! The runner: reads the timeline behind the projection and lets the policy react to each event.
//!
//! Its checkpoint is its own. Losing it costs nothing but reading: what has ended leads to
//! nothing, and what was queued before is queued once.

use std::time::Duration;

use nexus_events::envelope::Envelope;
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::WorkspaceEvent;
use nexus_nats::Snapshot;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::react::{Cause, Effect, react};
use super::{Performed, Performer};
use crate::clock::Clock;
use crate::projections::checkpoint::{Checkpoint, POLICIES};
use crate::projections::writer::Writer;
use crate::projections::{self, ProjectionError};
use crate::queries::QueryError;

/// Events read at a time.
const PAGE: usize = 200;
/// Events between two stored checkpoints.
const MARK_EVERY: u64 = 50;
/// With nothing more to read for this long, what was read is marked: who looks sees it caught up.
const QUIET: Duration = Duration::from_secs(1);

pub(crate) struct Runner {
    pub(crate) performer: Performer,
    pub(crate) writer: Writer,
    pub(crate) clock: Clock,
    pub(crate) checkpoint: Checkpoint,
    /// Told when a command could not be queued yet.
    pub(crate) undelivered: std::sync::Arc<Notify>,
}

/// An event of a workspace, with the workspace as it is now.
struct Due {
    workspace: WorkspaceId,
    event: Envelope<WorkspaceEvent>,
    now: Snapshot<nexus_events::workspace::Workspace>,
}

impl Runner {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut projected: watch::Receiver<u64> = self.performer.queries.sequence.clone();
        let mut marked = self.checkpoint.sequence;
        loop {
            projected.borrow_and_update();
            self.catch_up(&stop).await;
            if self.checkpoint.sequence >= marked + MARK_EVERY {
                marked = self.mark().await;
            }
            tokio::select! {
                () = stop.cancelled() => {
                    self.mark().await;
                    return;
                }
                () = tokio::time::sleep(QUIET), if self.checkpoint.sequence > marked => {
                    marked = self.mark().await;
                }
                changed = projected.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Stores how far it is. One that is not kept costs reading a few events again.
    async fn mark(&self) -> u64 {
        let _ = self.writer.mark(POLICIES, self.checkpoint).await;
        self.checkpoint.sequence
    }

    /// Reacts to everything projected so far.
    async fn catch_up(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let (due, position) = match self.page() {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "policies wait");
                    return;
                }
            };
            if position == self.checkpoint.sequence {
                return;
            }
            for due in due {
                let cause = Cause::from(&due.event);
                for effect in react(due.workspace, &due.event, &due.now) {
                    self.perform(effect, &cause, stop).await;
                }
            }
            self.checkpoint.sequence = position;
        }
    }

    /// Until it is performed; nothing that follows from an event is skipped.
    async fn perform(&self, effect: Effect, cause: &Cause, stop: &CancellationToken) {
        let mut pause = Duration::from_millis(50);
        loop {
            let performing = self
                .performer
                .perform(effect.clone(), cause, self.clock.now());
            match performing.await {
                Ok(Performed::Done) => return,
                Ok(Performed::Later) => return self.undelivered.notify_one(),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "trying again");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            }
        }
    }

    /// The next events of workspaces that may lead to something, and how far was looked.
    fn page(&self) -> Result<(Vec<Due>, u64), QueryError> {
        let after = self.checkpoint.sequence;
        self.performer.queries.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT sequence, workspace, type, payload FROM timeline
                 WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let mut rows = statement.query((after, PAGE))?;
            let (mut due, mut position) = (Vec::new(), after);
            while let Some(row) = rows.next()? {
                position = row.get(0)?;
                let event_type = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
                let Some(id) = row.get::<_, Option<[u8; 16]>>(1)? else {
                    continue;
                };
                if !leads_to_something(event_type) {
                    continue;
                }
                let workspace = WorkspaceId::from_uuid(uuid::Uuid::from_bytes(id));
                let payload = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                // What is in the timeline was decoded before it got there.
                let Ok(event) = nexus_events::upcast::decode(payload) else {
                    continue;
                };
                let record = projections::workspace(connection, workspace)?;
                let now = record.unwrap_or_default().into();
                due.push(Due {
                    workspace,
                    event,
                    now,
                });
            }
            Ok::<_, QueryError>((due, position))
        })
    }
}

/// A first look at the type, which saves decoding; [`react`] decides.
fn leads_to_something(event_type: &str) -> bool {
    event_type.starts_with("nexus.workspace.")
        && ["requested", "idle_detected", "ssh_port_refused", "deleted"]
            .iter()
            .any(|word| event_type.contains(word))
}

impl From<ProjectionError> for super::perform::PerformError {
    fn from(error: ProjectionError) -> Self {
        Self::Command(error.into())
    }
}
