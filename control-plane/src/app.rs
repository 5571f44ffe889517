//! The running plane and the handle on it: [`Plane`] owns the parts, [`App`] is what everything
//! else holds. How the parts are put together is in [`start`].

mod start;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use nexus_events::view::{ProjectionWork, ProjectionWorkView};
use nexus_nats::StepLogs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backbone::Backbone;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::directory::DirectoryError;
use crate::gateway::Gateway;
use crate::hub::Hub;
use crate::projections::ProjectionError;
use crate::projections::runner::{Answer, Purpose, Request};
use crate::projections::verify::Compared;
use crate::queries::Queries;
use crate::reconcile::Reconciler;
use crate::sealing::{Sealer, SealingError};
use crate::settings::Settings;
use crate::shared_keys::SharedKeysError;
use crate::ssh::{Authorities, AuthorityError};
use crate::threads::Done;
use crate::tickets::Tickets;

/// What a control plane is made from.
#[derive(Debug)]
pub struct Options {
    /// What an operator can set.
    pub settings: Settings,
    /// The log and its companions.
    pub backbone: Backbone,
    /// What time it is.
    pub clock: Clock,
}

/// Why a control plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder of the home cannot be made.
    #[error("making {path}")]
    Home {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The read model cannot be had.
    #[error("opening the read model")]
    Projection(#[from] ProjectionError),
    /// The master key cannot be had.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The SSH authority's keys cannot be had.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The log is used with other keys.
    #[error(transparent)]
    SharedKeys(#[from] SharedKeysError),
    /// Users cannot be made readable.
    #[error("reading the users")]
    Directory(#[from] DirectoryError),
}

/// A running control plane without its transports. Dropping it leaves its tasks to the runtime;
/// [`Plane::shutdown`] ends them in order.
#[derive(Debug)]
pub struct Plane {
    app: App,
    stop: CancellationToken,
    tasks: TaskTracker,
    writer: Done<()>,
}

/// A cheap handle on a running control plane.
#[derive(Debug, Clone)]
pub struct App {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    settings: Arc<Settings>,
    backbone: Backbone,
    clock: Clock,
    queries: Queries,
    commands: Commands,
    hub: Hub,
    gateway: Gateway,
    authorities: Authorities,
    sealer: Sealer,
    jump_host: OnceLock<SocketAddr>,
    reconciler: Reconciler,
    logs: Option<StepLogs>,
    caught_up: watch::Receiver<bool>,
    alarm: watch::Receiver<Option<String>>,
    rebuilds: mpsc::Sender<Request>,
    rebuilding: AtomicBool,
    work: watch::Sender<ProjectionWorkView>,
    started: Timestamp,
}

impl Plane {
    /// The handle.
    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// Ends every task, and waits until what was projected is stored.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // The writer ends once its last handle, held by the tasks, is gone.
        let _ = self.writer.await;
    }
}

impl App {
    /// What can be asked for.
    pub fn commands(&self) -> &Commands {
        &self.parts.commands
    }

    /// What can be asked.
    pub fn queries(&self) -> &Queries {
        &self.parts.queries
    }

    /// The tail.
    pub fn hub(&self) -> &Hub {
        &self.parts.hub
    }

    /// The ways into workspaces.
    pub fn gateway(&self) -> &Gateway {
        &self.parts.gateway
    }

    /// Who vouches for SSH hosts and users.
    pub fn authorities(&self) -> &Authorities {
        &self.parts.authorities
    }

    /// Tickets for `purpose`, good at every replica.
    pub(crate) fn tickets<T: Serialize + DeserializeOwned>(
        &self,
        purpose: &'static str,
    ) -> Tickets<T> {
        let (sealer, spent) = (self.parts.sealer.clone(), self.parts.backbone.spent.clone());
        Tickets::new(purpose, sealer, spent)
    }

    /// What seals what all replicas read.
    pub(crate) fn sealer(&self) -> &Sealer {
        &self.parts.sealer
    }

    /// Where the jump host listens; `None` while it does not.
    pub fn jump_host(&self) -> Option<SocketAddr> {
        self.parts.jump_host.get().copied()
    }

    /// Notes where the jump host listens, once.
    pub(crate) fn note_jump_host(&self, address: SocketAddr) {
        // It listens once in the life of a process, so there is nothing to replace.
        let _ = self.parts.jump_host.set(address);
    }

    /// The reconcilers, to run one now.
    pub fn reconciler(&self) -> &Reconciler {
        &self.parts.reconciler
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The log and its companions.
    pub fn backbone(&self) -> &Backbone {
        &self.parts.backbone
    }

    /// The connection; `None` when the log is in memory.
    pub fn bus(&self) -> Option<&nexus_nats::Bus> {
        self.parts.backbone.bus.as_ref()
    }

    /// The output of steps; `None` when the log is in memory.
    pub fn logs(&self) -> Option<&StepLogs> {
        self.parts.logs.as_ref()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// When this server started.
    pub fn started(&self) -> Timestamp {
        self.parts.started
    }

    /// Why projecting has stopped for good, if it has.
    pub fn alarm(&self) -> Option<String> {
        self.parts.alarm.borrow().clone()
    }

    /// Whether everything stored was projected at some moment since the start.
    pub fn has_caught_up(&self) -> bool {
        *self.parts.caught_up.borrow()
    }

    /// Waits until everything stored was projected at some moment since the start.
    pub async fn caught_up(&self) {
        // The sender lives as long as the projection; should it end, there is nothing to wait for.
        let _ = self
            .parts
            .caught_up
            .clone()
            .wait_for(|caught_up| *caught_up)
            .await;
    }

    /// Makes the read model anew beside the live one and swaps them; gives how far it is.
    ///
    /// # Errors
    /// When the log cannot be read, or the file cannot be written; the live one stays then.
    pub async fn rebuild(&self) -> Result<u64, ProjectionError> {
        self.ask(|done| Request::Make(Purpose::Replace(done))).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> Request,
    ) -> Result<T, ProjectionError> {
        let (done, answered) = oneshot::channel();
        let sent = self.parts.rebuilds.send(request(done)).await;
        sent.map_err(|_| ProjectionError::Closed)?;
        answered.await.map_err(|_| ProjectionError::Closed)?
    }

    /// Makes the read model anew, as [`App::rebuild`], while the caller goes on; once at a time.
    pub fn rebuild_aside(&self) {
        if self.parts.rebuilding.swap(true, Ordering::AcqRel) {
            return;
        }
        let app = self.clone();
        tokio::spawn(async move {
            match app.rebuild().await {
                Ok(sequence) => tracing::info!(sequence, "the read model was made anew"),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the read model could not be made anew; the one there was answers on"
                ),
            }
            app.parts.rebuilding.store(false, Ordering::Release);
        });
    }

    /// Makes the read model anew and compares it with the one that answers, row by row.
    ///
    /// # Errors
    /// When the log or one of the two cannot be read.
    pub async fn verify(&self) -> Result<Compared, ProjectionError> {
        self.ask(|done| Request::Make(Purpose::Verify(done))).await
    }

    /// Makes a read model from the log beside the one that answers, which follows from then on.
    ///
    /// # Errors
    /// When the log cannot be read, or the file cannot be written.
    pub async fn shadow(&self) -> Result<u64, ProjectionError> {
        self.ask(|done| Request::Make(Purpose::Follow(done))).await
    }

    /// Compares the read model that answers with the one beside it, as of the same event.
    ///
    /// # Errors
    /// [`ProjectionError::NothingBeside`], or when one of the two cannot be read.
    pub async fn compare(&self) -> Result<Compared, ProjectionError> {
        self.ask(Request::Compare).await
    }

    /// Lets the read model beside answer, and the one that answered follow: switching again is the
    /// way back, and loses nothing written since.
    ///
    /// # Errors
    /// [`ProjectionError::NothingBeside`], or when the files cannot be exchanged.
    pub async fn switch(&self) -> Result<(), ProjectionError> {
        self.ask(Request::Switch).await
    }

    /// Ends the read model beside.
    ///
    /// # Errors
    /// [`ProjectionError::NothingBeside`], or when its file cannot be removed.
    pub async fn forget_shadow(&self) -> Result<(), ProjectionError> {
        self.ask(Request::Forget).await
    }

    /// Does one of these while the caller goes on; `false` while another is under way.
    pub(crate) fn work_aside(&self, work: ProjectionWork) -> bool {
        let begun = self.parts.work.send_if_modified(|view| {
            let begins = !view.running;
            if begins {
                *view = ProjectionWorkView::begun(work);
            }
            begins
        });
        if begun {
            let app = self.clone();
            tokio::spawn(async move {
                let view = ProjectionWorkView::begun(work);
                let view = match app.perform(work).await {
                    Ok(Some(compared)) => compared.told_in(view),
                    Ok(None) => ProjectionWorkView {
                        running: false,
                        ..view
                    },
                    Err(error) => {
                        let shown = &error as &dyn std::error::Error;
                        tracing::error!(error = shown, ?work, "not done to the read model");
                        ProjectionWorkView {
                            running: false,
                            failed: Some(crate::chain::text(&error)),
                            ..view
                        }
                    }
                };
                app.parts.work.send_replace(view);
            });
        }
        begun
    }

    async fn perform(&self, work: ProjectionWork) -> Result<Option<Compared>, ProjectionError> {
        match work {
            ProjectionWork::Verify => self.verify().await.map(Some),
            ProjectionWork::Compare => self.compare().await.map(Some),
            ProjectionWork::Shadow => self.shadow().await.map(|_| None),
            ProjectionWork::Switch => self.switch().await.map(|()| None),
            ProjectionWork::Forget => self.forget_shadow().await.map(|()| None),
        }
    }

    /// How the last of these went, once it is over or `wait` is.
    pub(crate) async fn work(&self, wait: Duration) -> ProjectionWorkView {
        let mut changes = self.parts.work.subscribe();
        let over = changes.wait_for(|view| !view.running);
        // Either way it is told as it is.
        let _ = tokio::time::timeout(wait, over).await;
        self.parts.work.borrow().clone()
    }

    /// Whether the read model is being made anew.
    pub fn is_rebuilding(&self) -> bool {
        self.parts.rebuilding.load(Ordering::Acquire)
    }

    /// The figures of this process as Prometheus reads them.
    pub fn metrics_text(&self) -> String {
        crate::metrics::text(&self.parts.queries)
    }

    /// How long a probe of the log may take before it counts as away.
    pub(crate) const PROBE: Duration = Duration::from_secs(2);
}
