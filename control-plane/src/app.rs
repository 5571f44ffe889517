//! The running plane and the handle on it: [`Plane`] owns the parts, [`App`] is what everything
//! else holds. How the parts are put together is in [`start`].

mod start;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use nexus_nats::StepLogs;
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
use crate::projections::runner::RebuildRequest;
use crate::queries::Queries;
use crate::reconcile::Reconciler;
use crate::sealing::SealingError;
use crate::settings::Settings;
use crate::ssh::{Authorities, AuthorityError};
use crate::threads::Done;

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
    jump_host: OnceLock<SocketAddr>,
    reconciler: Reconciler,
    logs: Option<StepLogs>,
    caught_up: watch::Receiver<bool>,
    alarm: watch::Receiver<Option<String>>,
    rebuilds: mpsc::Sender<RebuildRequest>,
    rebuilding: AtomicBool,
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
        let (done, rebuilt) = oneshot::channel();
        self.parts
            .rebuilds
            .send(done)
            .await
            .map_err(|_| ProjectionError::Closed)?;
        rebuilt.await.map_err(|_| ProjectionError::Closed)?
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
