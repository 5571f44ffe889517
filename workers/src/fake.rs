//! A provider without an engine: faithful states that move when poked, failures where told.
//!
//! [`FakeEngine`] is what a container engine is to the real ones: it outlives the worker, so a
//! test drops a worker mid-way and starts another on the same engine. Each call can be told, once
//! per call, to fail before its effect, to fail after it, to hang, or to wait for a poke.

mod engine;
mod init;
mod init_state;

use std::path::PathBuf;
use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_events::spec::{Capabilities, Provider as ProviderKind};

pub use self::engine::{Call, FakeEngine, Reaction, Takes};
pub use self::init_state::SetupScript;

use crate::provider::{
    Image, Machine, MachineSpec, Observation, OwnedMachine, Profile, Progress, Provider, Result,
};

/// A worker's handle on a [`FakeEngine`].
#[derive(Debug, Clone)]
pub struct FakeProvider {
    engine: FakeEngine,
}

impl FakeProvider {
    /// Drives `engine`.
    pub fn on(engine: &FakeEngine) -> Self {
        Self {
            engine: engine.clone(),
        }
    }
}

impl Provider for FakeProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Fake
    }

    async fn profile(&self) -> Result<Profile> {
        let engine = "fake".to_owned();
        Ok(Profile {
            engine,
            capabilities: Capabilities::default(),
        })
    }

    async fn prepare_image(&self, spec: &MachineSpec, progress: &Progress) -> Result<Image> {
        progress.say("looking for the image");
        let effect = || self.engine.image(spec);
        self.engine
            .perform(Call::PrepareImage, spec.workspace, effect)
            .await?
    }

    async fn ensure_machine(&self, spec: &MachineSpec, _image: &Image) -> Result<Machine> {
        let effect = || self.engine.make(spec);
        self.engine
            .perform(Call::EnsureMachine, spec.workspace, effect)
            .await?
    }

    async fn start(&self, spec: &MachineSpec) -> Result<()> {
        let effect = || self.engine.start(spec.workspace);
        self.engine
            .perform(Call::Start, spec.workspace, effect)
            .await?
    }

    async fn stop(&self, workspace: WorkspaceId, _grace: Duration) -> Result<()> {
        self.engine
            .perform(Call::Stop, workspace, || self.engine.stop(workspace))
            .await
    }

    async fn delete(&self, workspace: WorkspaceId) -> Result<()> {
        self.engine
            .perform(Call::Delete, workspace, || self.engine.delete(workspace))
            .await
    }

    async fn observe(&self, workspace: WorkspaceId) -> Result<Observation> {
        self.engine
            .perform(Call::Observe, workspace, || self.engine.observe(workspace))
            .await
    }

    async fn list_owned(&self) -> Result<Vec<OwnedMachine>> {
        Ok(self.engine.machines())
    }

    fn init_socket(&self, workspace: WorkspaceId) -> PathBuf {
        self.engine.socket(workspace)
    }
}
