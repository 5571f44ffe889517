//! Finding again what runs already: after a restart of the worker, and every so often.
//!
//! The engine says which machines are ours, the log says what they are meant to be. A machine the
//! log does not know is named where a person sees it and left alone. One of a workspace that is
//! deleted is deleted, too: an engine may finish making it after the delete that found nothing to
//! delete, and an id is never given twice.

use std::time::Duration;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::workspace::{Command, Phase, Workspace};
use nexus_nats::Snapshot;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Runtime;
use super::recorder::{Origin, Recorder};
use super::watch::exit_of;
use crate::provider::{OwnedMachine, Provider, Result};

/// Time between two comparisons of machines and log.
const EVERY: Duration = Duration::from_secs(15);

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Workspaces that run and are watched from now on.
    pub adopted: Vec<WorkspaceId>,
    /// Workspaces whose machine ended while nobody watched.
    pub ended: Vec<WorkspaceId>,
    /// Deleted workspaces whose machine came after all, and went.
    pub removed: Vec<WorkspaceId>,
    /// Machines of ours that no fact in the log wants.
    pub orphans: Vec<OwnedMachine>,
}

/// What the log says about a machine.
enum Standing {
    Watch,
    Ended,
    /// Down, and woken by whoever connects.
    Asleep,
    /// Made by the engine after its workspace was deleted.
    TooLate,
    Orphan,
    /// An operation will see to it, or it stands as it should.
    LeaveIt,
}

impl<P: Provider> Runtime<P> {
    /// Compares every machine of ours with the log and takes up watching those that run.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn adopt(&self) -> Result<Found> {
        let mut found = Found::default();
        for machine in self.shared.provider.list_owned().await? {
            if !self.shared.turns.is_held(machine.workspace) {
                self.adopt_one(machine, &mut found).await?;
            }
        }
        Ok(found)
    }

    /// Compares again and again until `stop`. To be run beside the beats: an engine that is slow to
    /// answer then makes no node look lost.
    pub async fn adopt_often(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Some(Err(error)) = stop.run_until_cancelled(self.adopt()).await {
                tracing::warn!(%error, "machines and log could not be compared");
            }
        }
    }

    async fn adopt_one(&self, machine: OwnedMachine, found: &mut Found) -> Result<()> {
        let workspace = machine.workspace;
        let snapshot = match self.shared.workspaces.load(&workspace).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(%error, %workspace, "what is meant to be cannot be read");
                return Ok(());
            }
        };
        match self.standing(&machine, &snapshot.state) {
            Standing::Watch => {
                self.open_ports(workspace, &snapshot).await;
                let epoch = snapshot.state.epoch;
                self.watch(workspace, epoch, self.recorder(workspace, snapshot));
                found.adopted.push(workspace);
            }
            Standing::Asleep => self.open_ports(workspace, &snapshot).await,
            Standing::Ended => {
                self.tell_end(workspace, snapshot).await?;
                found.ended.push(workspace);
            }
            Standing::TooLate => {
                tracing::warn!(%workspace, "a machine came after its workspace was deleted");
                self.shared.ports.close(workspace);
                // One that cannot be deleted now must keep none behind it from being watched.
                match self.shared.provider.delete(workspace).await {
                    Ok(()) => found.removed.push(workspace),
                    Err(error) => tracing::warn!(%error, %workspace, "it is deleted later"),
                }
            }
            Standing::Orphan => {
                let handle = &machine.handle;
                tracing::warn!(%workspace, handle, "a machine nobody asked for; it is left alone");
                self.shared.ports.close(workspace);
                found.orphans.push(machine);
            }
            Standing::LeaveIt => {}
        }
        Ok(())
    }

    fn standing(&self, machine: &OwnedMachine, state: &Workspace) -> Standing {
        match state.phase {
            Phase::Absent => Standing::Orphan,
            Phase::Deleted => Standing::TooLate,
            _ if state.node.is_some_and(|node| node != self.shared.node) => Standing::LeaveIt,
            Phase::Running if machine.running => Standing::Watch,
            Phase::Running => Standing::Ended,
            Phase::Stopped | Phase::Failed if state.node == Some(self.shared.node) => {
                Standing::Asleep
            }
            Phase::Requested
            | Phase::Provisioning
            | Phase::Starting
            | Phase::Stopping
            | Phase::Stopped
            | Phase::Deleting
            | Phase::Failed => Standing::LeaveIt,
        }
    }

    /// Has the workspace's ports lead to it, as far as the log knows them. Services of one that is
    /// down get the ports they had: the place where a free one is looked for is the same.
    async fn open_ports(&self, workspace: WorkspaceId, snapshot: &Snapshot<Workspace>) {
        let recorder = self.recorder(workspace, snapshot.clone());
        self.open_ssh_again(workspace, recorder).await;
        for known in snapshot.state.services.values() {
            if let Some(inside) = known.port {
                self.shared
                    .open_service(workspace, inside, Some(known))
                    .await;
            }
        }
    }

    async fn tell_end(&self, workspace: WorkspaceId, snapshot: Snapshot<Workspace>) -> Result<()> {
        let observed = self.shared.provider.observe(workspace).await?;
        let Some(exit) = exit_of(observed.state) else {
            return Ok(());
        };
        let epoch = snapshot.state.epoch;
        let mut recorder = self.recorder(workspace, snapshot);
        if let Err(error) = recorder
            .record(None, Command::ReportExit { epoch, exit })
            .await
        {
            tracing::error!(%error, %workspace, "the machine's end could not be told");
        }
        Ok(())
    }

    fn recorder(&self, workspace: WorkspaceId, snapshot: Snapshot<Workspace>) -> Recorder {
        let origin = Origin::unasked(self.shared.node);
        Recorder::new(self.shared.workspaces.clone(), workspace, origin, snapshot)
    }

    /// Operations worked on now.
    pub fn running(&self) -> Vec<OperationId> {
        self.shared.turns.running()
    }
}
