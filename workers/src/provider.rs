//! What a provider is: it makes, keeps and removes a machine. Everything inside is init's.
//!
//! ```text
//!   prepare_image ─► ensure_machine ─► start ─► (init answers at the socket) ─► set-up by init
//!                          ▲             │
//!                          │             ▼
//!                        start ◄─────  stop            delete, from anywhere
//! ```
//!
//! A provider knows nothing of operations in the log, of reports or of deadlines: the runtime
//! calls it, tells what came of it, and calls again after a crash. That is why every call may be
//! made twice, and why the contract below is the same for all providers and tested by one suite
//! ([`crate::conformance`]).
//!
//! # Guarantees (what every implementation promises)
//!
//! 1. *The same call twice is the same as once.* Creating is look-up, create, look-up: what is
//!    found under the workspace's name with our labels is adopted. Starting what runs, stopping
//!    what stands and deleting what is gone succeed.
//! 2. *One machine per workspace.* Its name is [`machine_name`], which no other workspace has, and
//!    the engine refuses a second one of that name. So two workers that race make one machine.
//! 3. *Everything made is labelled* with workspace, operation, epoch and the instance of Nexus it
//!    belongs to. [`Provider::list_owned`] finds all of it, also what a crash left half made, and
//!    nothing else.
//! 4. *Home survives.* What is written to the home volume is there after stop and start, after the
//!    machine was lost and made anew, and gone after [`Provider::delete`].
//! 5. *Dropping a call's future is safe at any await.* The effect may or may not have happened;
//!    calling again, or [`Provider::observe`], tells.
//! 6. *No call hangs.* Each has a time-out of its own; a time-out is [`ErrorClass::Unknown`] when
//!    the effect may have happened.
//!
//! # Assumptions (what the caller promises)
//!
//! 1. Calls about one workspace come one after the other, from one worker. The log's fence sees to
//!    it; where it is late (a worker that was paused), guarantee 2 bounds the damage to one machine
//!    in a state that the next call repairs.
//! 2. A workspace's id is never used again after [`Provider::delete`].
//! 3. What [`Provider::list_owned`] tells is never deleted on its own account: only a fact in the
//!    log says that a machine is not wanted.
//!
//! # Races that exist, and why they are harmless
//!
//! * *The machine ends between start and the first word to init*: connecting fails, the caller
//!   observes and reports the exit.
//! * *Somebody removes the machine behind our back*: calls answer [`ErrorClass::Absent`]; the
//!   caller ensures again and home is still there.
//! * *Delete while a start of another worker is under way*: start finds nothing, or the machine it
//!   started is found by the next delete, which the log repeats until it is reported.

mod error;
mod machine;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_events::spec::{Capabilities, Provider as ProviderKind};

pub use self::error::{ErrorClass, ProviderError};
pub use self::machine::{
    Image, Machine, MachineSpec, MachineState, Observation, OwnedMachine, Progress,
    SOURCE_DIRECTORY, WORK_USER_ID, machine_name,
};

/// What a provider answers.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// What a provider is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The engine and its version, for people (`docker 20.10.24`).
    pub engine: String,
    /// What it can do here.
    pub capabilities: Capabilities,
}

/// Makes, keeps and removes machines. The contract is the module's text.
pub trait Provider: Send + Sync + 'static {
    /// Which provider this is.
    fn kind(&self) -> ProviderKind;

    /// Asks the engine who it is; fails when it cannot work (stopped, no rights).
    fn profile(&self) -> impl Future<Output = Result<Profile>> + Send;

    /// Has the image at hand, fetched where that is possible. `progress` takes lines for people.
    /// When the machine exists, what it was made from is answered and nothing is looked for: a
    /// machine can be started long after its image has gone.
    ///
    /// # Errors
    /// [`ErrorClass::Absent`] names the image and how to get it.
    fn prepare_image(
        &self,
        spec: &MachineSpec,
        progress: &Progress,
    ) -> impl Future<Output = Result<Image>> + Send;

    /// Has the machine and its home volume, made or found. It need not run afterwards.
    ///
    /// # Errors
    /// [`ErrorClass::Exists`] when something that is not ours has the name.
    fn ensure_machine(
        &self,
        spec: &MachineSpec,
        image: &Image,
    ) -> impl Future<Output = Result<Machine>> + Send;

    /// Has the machine running. Afterwards init listens at [`Provider::init_socket`], or does so
    /// in a moment.
    ///
    /// # Errors
    /// [`ErrorClass::Absent`] when there is no machine.
    fn start(&self, spec: &MachineSpec) -> impl Future<Output = Result<()>> + Send;

    /// Has the machine stopped: asked first, killed after `grace`. Without a machine this succeeds.
    fn stop(
        &self,
        workspace: WorkspaceId,
        grace: Duration,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Has machine, home volume and everything else of the workspace gone, running or not.
    fn delete(&self, workspace: WorkspaceId) -> impl Future<Output = Result<()>> + Send;

    /// What there is now; never changes anything.
    fn observe(&self, workspace: WorkspaceId) -> impl Future<Output = Result<Observation>> + Send;

    /// Every machine of this instance, in any state, half-made ones included.
    fn list_owned(&self) -> impl Future<Output = Result<Vec<OwnedMachine>>> + Send;

    /// Where init of this workspace listens, whether or not it does now: a unix socket of this
    /// host. A provider that cannot share one forwards to it.
    fn init_socket(&self, workspace: WorkspaceId) -> PathBuf;
}
