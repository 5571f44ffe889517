//! Somebody knocks at a port of a stopped workspace: it is started, and whoever knocks waits.
//!
//! The worker asks the log for the start as anybody would; from there on it is an operation like
//! every other, carried out by whichever worker takes it. One task per workspace looks how it
//! comes up, for all who wait.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::SignedDuration;
use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::workspace::{Command, NewOperation, Phase, Workspace};
use nexus_nats::clock;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::Shared;
use super::recorder::{Origin, Recorder};
use crate::ports::{Coming, Door};
use crate::provider::Provider;

/// How long the start may take, as the control plane allows for one, too.
const START: SignedDuration = SignedDuration::from_mins(10);
/// A workspace is started by knocking once in this time.
const START_EVERY: Duration = Duration::from_secs(10);
/// Between two looks how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Who is being woken.
#[derive(Debug, Default)]
pub(super) struct Knocks(Mutex<HashMap<WorkspaceId, Knocked>>);

#[derive(Debug)]
struct Knocked {
    coming: watch::Receiver<Coming>,
    /// When it was started last by knocking.
    started: Option<Instant>,
}

impl Knocked {
    fn just_started(&self) -> bool {
        self.started
            .is_some_and(|started| started.elapsed() < START_EVERY)
    }

    /// Whether somebody who knocks now shares in it.
    fn stands(&self) -> bool {
        match *self.coming.borrow() {
            Coming::Soon(_) => self.coming.has_changed().is_ok(),
            // It was up, and does not answer: worth another look, which starts nothing too soon.
            Coming::Up => false,
            Coming::Not(_) => self.just_started(),
        }
    }
}

impl Knocks {
    /// The answer there is, or a new one and the sender to give it by.
    fn join(
        &self,
        workspace: WorkspaceId,
    ) -> (watch::Receiver<Coming>, Option<watch::Sender<Coming>>) {
        let mut knocks = self.lock();
        knocks.retain(|_, knocked| knocked.stands() || knocked.just_started());
        let before = knocks.get(&workspace);
        if let Some(knocked) = before.filter(|knocked| knocked.stands()) {
            return (knocked.coming.clone(), None);
        }
        let started = before.and_then(|knocked| knocked.started);
        let (sender, coming) = watch::channel(Coming::Soon("looking for it ...".into()));
        let knocked = Knocked {
            coming: coming.clone(),
            started,
        };
        knocks.insert(workspace, knocked);
        (coming, Some(sender))
    }

    /// Whether the workspace may be started now; who is told so does it.
    fn may_start(&self, workspace: WorkspaceId) -> bool {
        let mut knocks = self.lock();
        let knocked = knocks.get_mut(&workspace);
        let Some(knocked) = knocked.filter(|knocked| !knocked.just_started()) else {
            return false;
        };
        knocked.started = Some(Instant::now());
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Knocked>> {
        // Every change is a single insert or removal, so a panic elsewhere leaves nothing torn.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The door of a workspace of this worker. It does not keep the worker alive.
struct WorkspaceDoor<P> {
    worker: Weak<Shared<P>>,
    workspace: WorkspaceId,
    socket: PathBuf,
}

impl<P: Provider> Door for WorkspaceDoor<P> {
    fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    fn knock(&self) -> watch::Receiver<Coming> {
        match self.worker.upgrade() {
            Some(worker) => worker.knock(self.workspace),
            None => watch::channel(Coming::Not("the worker is ending".into())).1,
        }
    }
}

impl<P: Provider> Shared<P> {
    /// The way into a workspace, for its ports.
    pub(super) fn door(&self, workspace: WorkspaceId) -> Arc<dyn Door> {
        Arc::new(WorkspaceDoor {
            worker: self.me.clone(),
            workspace,
            socket: self.provider.init_socket(workspace),
        })
    }

    fn knock(self: Arc<Self>, workspace: WorkspaceId) -> watch::Receiver<Coming> {
        let (coming, sender) = self.knocks.join(workspace);
        if let Some(sender) = sender {
            tokio::spawn(async move {
                let ending = self.ending.clone();
                let answer = self.bring_about(workspace, &sender);
                let answer = ending.run_until_cancelled(answer).await;
                sender.send_replace(answer.unwrap_or(Coming::Not("the worker is ending".into())));
            });
        }
        coming
    }

    /// Has the workspace started and looks until it is up, or is not going to be.
    async fn bring_about(&self, workspace: WorkspaceId, waiting: &watch::Sender<Coming>) -> Coming {
        let snapshot = match self.workspaces.load(&workspace).await {
            Ok(snapshot) => snapshot,
            Err(error) => return not(error),
        };
        let origin = Origin::unasked(self.node);
        let mut recorder = Recorder::new(self.workspaces.clone(), workspace, origin, snapshot);
        let mut started = false;
        loop {
            let state = recorder.state();
            match state.phase {
                Phase::Running => return Coming::Up,
                Phase::Absent | Phase::Deleting | Phase::Deleted => {
                    return Coming::Not("it is deleted".into());
                }
                Phase::Failed if started => return Coming::Not(why(state)),
                Phase::Stopped | Phase::Failed if self.knocks.may_start(workspace) => {
                    if let Err(error) = start(&mut recorder).await {
                        return not(error);
                    }
                    started = true;
                }
                Phase::Requested
                | Phase::Provisioning
                | Phase::Starting
                | Phase::Stopping
                | Phase::Stopped
                | Phase::Failed => {}
            }
            let line = Coming::Soon(how_far(recorder.state()));
            waiting.send_if_modified(|now| {
                let news = *now != line;
                *now = line;
                news
            });
            tokio::time::sleep(LOOK).await;
            if let Err(error) = recorder.catch_up().await {
                tracing::debug!(%error, %workspace, "how far it is cannot be read now");
            }
        }
    }
}

async fn start(recorder: &mut Recorder) -> Result<(), super::recorder::RecordError> {
    let at = clock::now();
    let operation = NewOperation {
        id: OperationId::from_uuid(Uuid::now_v7()),
        at,
        deadline: at.saturating_add(START).unwrap_or(at),
    };
    let told = recorder.record(None, Command::Start { operation }).await;
    told.map(|_| ())
}

fn how_far(state: &Workspace) -> String {
    let name = name(state);
    let operation = state.operation.as_ref();
    match operation.and_then(|operation| operation.step.as_ref()) {
        Some(step) => format!("starting {name}: {step} ..."),
        None if state.phase == Phase::Stopping => format!("{name} is stopping first ..."),
        None => format!("starting {name} ..."),
    }
}

fn why(state: &Workspace) -> String {
    let name = name(state);
    match &state.failure {
        Some(failure) => format!("{name} does not start: {}; {}", failure.cause, failure.hint),
        None => format!("{name} does not start"),
    }
}

fn name(state: &Workspace) -> &str {
    state
        .definition
        .as_ref()
        .map_or("the workspace", |definition| definition.name.as_str())
}

fn not(error: impl std::fmt::Display) -> Coming {
    Coming::Not(format!("it cannot be started from here: {error}"))
}
