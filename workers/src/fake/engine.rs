//! The engine: machines and what happens to them, scripted by the test.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::workspace::MachineExit;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::init::InitServer;
use super::init_state::{InitState, SetupScript};
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, MachineState, Observation, OwnedMachine,
    ProviderError, Result, machine_name,
};

/// A call to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `prepare_image`.
    PrepareImage,
    /// `ensure_machine`.
    EnsureMachine,
    /// `start`.
    Start,
    /// `stop`.
    Stop,
    /// `delete`.
    Delete,
    /// `observe`.
    Observe,
}

impl Call {
    /// Every call that changes something, in the order of a life.
    pub const EFFECTS: [Self; 5] = [
        Self::PrepareImage,
        Self::EnsureMachine,
        Self::Start,
        Self::Stop,
        Self::Delete,
    ];
}

/// How one call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It fails and nothing happened.
    Fail(ErrorClass),
    /// It fails although its effect happened.
    FailAfterEffect(ErrorClass),
    /// It never answers, and nothing happened.
    Hang,
    /// It never answers although its effect happened.
    HangAfterEffect,
    /// It does its work when poked.
    WaitForPoke,
}

/// How long a call takes: before its effect, and after it.
pub type Takes = (Duration, Duration);

type Pace = dyn FnMut(Call, WorkspaceId) -> Takes + Send;

/// An engine in memory. Clones share it; it lives as long as the last, and so do the inits of its
/// machines, whatever becomes of the worker that started them.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// Where its inits run: where it was made, when that was in a runtime.
    home: Option<Handle>,
    pace: Mutex<Paced>,
    poked: Notify,
    reached: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct Paced(Option<Box<Pace>>);

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Paced").field(&self.0.is_some()).finish()
    }
}

#[derive(Debug, Default)]
struct State {
    machines: BTreeMap<WorkspaceId, FakeMachine>,
    script: HashMap<Call, VecDeque<Reaction>>,
    setup: SetupScript,
    calls: Vec<(Call, WorkspaceId)>,
    made: usize,
    missing_image: Option<String>,
}

#[derive(Debug)]
struct FakeMachine {
    handle: String,
    operation: OperationId,
    epoch: u64,
    state: MachineState,
    init: Arc<InitState>,
    server: Option<InitServer>,
}

impl FakeEngine {
    /// With its sockets in `folder`, whose path is to be short.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let shared = Shared {
            folder: folder.into(),
            home: Handle::try_current().ok(),
            pace: Mutex::default(),
            poked: Notify::new(),
            reached: Notify::new(),
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The next unscripted `call` reacts so; told twice, the one after that, too.
    pub fn script(&self, call: Call, reaction: Reaction) {
        self.lock()
            .script
            .entry(call)
            .or_default()
            .push_back(reaction);
    }

    /// Nothing scripted before happens any more; what hangs already does so for ever.
    pub fn forget_script(&self) {
        self.lock().script.clear();
    }

    /// How long each call takes from here on; without this, no time at all.
    pub fn pace(&self, pace: impl FnMut(Call, WorkspaceId) -> Takes + Send + 'static) {
        self.paced().0 = Some(Box::new(pace));
    }

    /// What set-ups do from here on.
    pub fn script_setup(&self, setup: SetupScript) {
        self.lock().setup = setup;
    }

    /// No image of that name is to be found.
    pub fn lose_image(&self, name: &str) {
        self.lock().missing_image = Some(name.to_owned());
    }

    /// Lets one waiting call or set-up go on.
    pub fn poke(&self) {
        self.shared.poked.notify_one();
    }

    /// Waits until `call` was made for the workspace at least once.
    pub async fn called(&self, call: Call, workspace: WorkspaceId) {
        loop {
            let reached = self.shared.reached.notified();
            if self.lock().calls.contains(&(call, workspace)) {
                return;
            }
            reached.await;
        }
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<(Call, WorkspaceId)> {
        self.lock().calls.clone()
    }

    /// How many machines were ever made.
    pub fn made(&self) -> usize {
        self.lock().made
    }

    /// Every machine there is.
    pub fn machines(&self) -> Vec<OwnedMachine> {
        let owned = |(workspace, machine): (&WorkspaceId, &FakeMachine)| OwnedMachine {
            workspace: *workspace,
            operation: machine.operation,
            epoch: machine.epoch,
            handle: machine.handle.clone(),
            running: machine.state == MachineState::Running,
        };
        self.lock().machines.iter().map(owned).collect()
    }

    /// The machine ends without being asked.
    pub fn crash(&self, workspace: WorkspaceId, exit: MachineExit) {
        if let Some(machine) = self.lock().machines.get_mut(&workspace) {
            machine.server = None;
            machine.state = MachineState::Stopped(exit);
        }
    }

    /// The init of a workspace, to make it say things.
    pub fn init(&self, workspace: WorkspaceId) -> Option<Arc<InitState>> {
        self.lock()
            .machines
            .get(&workspace)
            .map(|machine| Arc::clone(&machine.init))
    }

    pub(super) fn socket(&self, workspace: WorkspaceId) -> PathBuf {
        self.shared
            .folder
            .join(format!("{}.sock", workspace.uuid().simple()))
    }

    /// Does `effect` as the script wants it. Yields before and after, so that a test can drop the
    /// caller on either side.
    pub(super) async fn perform<T>(
        &self,
        call: Call,
        workspace: WorkspaceId,
        effect: impl FnOnce() -> T,
    ) -> Result<T> {
        let reaction = self
            .lock()
            .script
            .get_mut(&call)
            .and_then(VecDeque::pop_front);
        self.lock().calls.push((call, workspace));
        self.shared.reached.notify_waiters();
        let failed = |class| {
            Err(ProviderError::new(
                class,
                format!("{call:?}"),
                "as scripted",
            ))
        };
        let (before, after) = self.takes(call, workspace);
        pause(before).await;
        match reaction {
            Some(Reaction::Fail(class)) => return failed(class),
            Some(Reaction::Hang) => std::future::pending().await,
            Some(Reaction::WaitForPoke) => self.shared.poked.notified().await,
            Some(Reaction::FailAfterEffect(_) | Reaction::HangAfterEffect) | None => {}
        }
        let done = effect();
        pause(after).await;
        match reaction {
            Some(Reaction::FailAfterEffect(class)) => failed(class),
            Some(Reaction::HangAfterEffect) => std::future::pending().await,
            Some(Reaction::Fail(_) | Reaction::Hang | Reaction::WaitForPoke) | None => Ok(done),
        }
    }

    pub(super) fn image(&self, spec: &MachineSpec) -> Result<Image> {
        let name = spec
            .image
            .as_ref()
            .map_or_else(|| "fake/base".into(), ToString::to_string);
        if self.lock().missing_image.as_ref() == Some(&name) {
            let cause = format!("there is no image {name}");
            return Err(ProviderError::new(
                ErrorClass::Absent,
                "looking for the image",
                cause,
            ));
        }
        let (user, home) = ("dev".into(), "/home/dev".into());
        Ok(Image {
            name,
            reused: true,
            user,
            home,
        })
    }

    pub(super) fn make(&self, spec: &MachineSpec) -> Result<Machine> {
        let mut state = self.lock();
        if let Some(machine) = state.machines.get(&spec.workspace) {
            if machine.epoch > spec.epoch {
                let cause = "it was made by a later operation";
                return Err(ProviderError::new(
                    ErrorClass::Exists,
                    "making the machine",
                    cause,
                ));
            }
            return Ok(Machine {
                handle: machine.handle.clone(),
                reused: true,
            });
        }
        state.made += 1;
        let handle = format!("{}-{}", machine_name(spec.workspace), state.made);
        let machine = FakeMachine {
            handle: handle.clone(),
            operation: spec.operation,
            epoch: spec.epoch,
            state: MachineState::Created,
            init: Arc::default(),
            server: None,
        };
        state.machines.insert(spec.workspace, machine);
        Ok(Machine {
            handle,
            reused: false,
        })
    }

    pub(super) fn start(&self, workspace: WorkspaceId) -> Result<()> {
        let socket = self.socket(workspace);
        let mut state = self.lock();
        let setup = state.setup.clone();
        let Some(machine) = state.machines.get_mut(&workspace) else {
            return Err(ProviderError::new(
                ErrorClass::Absent,
                "starting",
                "there is no machine",
            ));
        };
        if machine.server.is_none() {
            let _home = self.shared.home.as_ref().map(Handle::enter);
            let init = Arc::clone(&machine.init);
            let server = InitServer::start(&socket, init, setup).map_err(|error| {
                ProviderError::new(ErrorClass::Transient, "starting", error.to_string())
            })?;
            machine.server = Some(server);
        }
        machine.state = MachineState::Running;
        Ok(())
    }

    pub(super) fn stop(&self, workspace: WorkspaceId) {
        if let Some(machine) = self.lock().machines.get_mut(&workspace) {
            machine.server = None;
            let (code, cause) = (Some(0), "it was asked to end".to_owned());
            let exit = MachineExit {
                code,
                out_of_memory: false,
                cause,
            };
            if machine.state == MachineState::Running {
                machine.state = MachineState::Stopped(exit);
            }
        }
    }

    pub(super) fn delete(&self, workspace: WorkspaceId) {
        self.lock().machines.remove(&workspace);
        let _gone_already = std::fs::remove_file(self.socket(workspace));
    }

    pub(super) fn observe(&self, workspace: WorkspaceId) -> Observation {
        match self.lock().machines.get(&workspace) {
            Some(machine) => Observation {
                handle: Some(machine.handle.clone()),
                state: machine.state.clone(),
            },
            None => Observation {
                handle: None,
                state: MachineState::Absent,
            },
        }
    }

    fn takes(&self, call: Call, workspace: WorkspaceId) -> Takes {
        let mut paced = self.paced();
        let pace = paced.0.as_mut();
        pace.map_or_else(Takes::default, |pace| pace(call, workspace))
    }

    fn paced(&self) -> MutexGuard<'_, Paced> {
        self.shared
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has failed already; its engine may still be read.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// At least a moment in which others are polled.
async fn pause(time: Duration) {
    if time.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time).await;
    }
}
