//! The composition root: what is made of what, in the order it starts and the reverse it stops.
//!
//! [`Plane`] owns the running parts, [`App`] is the cheap handle everything else holds.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nexus_nats::StepLogs;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::announce::Announcer;
use crate::backbone::Backbone;
use crate::clock::Clock;
use crate::commands::{Commands, Ports};
use crate::directory::{Directory, DirectoryError};
use crate::hub::{self, Hub};
use crate::policies::{self, Performer};
use crate::projections::checkpoint::{Checkpoint, POLICIES};
use crate::projections::database::Database;
use crate::projections::rebuild;
use crate::projections::runner::{RebuildRequest, Runner};
use crate::projections::writer::Writer;
use crate::projections::{self, ProjectionError};
use crate::pulse::Pulse;
use crate::queries::{self, Queries};
use crate::reconcile::{self, Reconciler};
use crate::sealing::{Sealer, SealingError};
use crate::settings::Settings;

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
    writer: std::thread::JoinHandle<()>,
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
    reconciler: Reconciler,
    logs: Option<StepLogs>,
    caught_up: watch::Receiver<bool>,
    alarm: watch::Receiver<Option<String>>,
    rebuilds: mpsc::Sender<RebuildRequest>,
    started: Timestamp,
}

impl Plane {
    /// Opens (or makes) the read model, then starts projecting, reacting and reconciling.
    ///
    /// # Errors
    /// See [`StartError`]; above all, a log that is not the one projected before.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            settings,
            backbone,
            clock,
        } = options;
        crate::metrics::install();
        let file = settings.read_model();
        make_folder(&settings.home)?;
        make_folder(file.parent().unwrap_or(&settings.home))?;
        let sealer = Sealer::open(&settings.master_key(), backbone.key_store.clone())?;
        let (checkpoint, unreadable) = rebuild::open(&backbone.log, &file).await?;
        for unreadable in &unreadable {
            backbone.parking.park(unreadable).await;
        }

        let database = Database::new(&file);
        let (sequence, projected) = watch::channel(checkpoint.sequence);
        let live = hub::live();
        let ports = Arc::new(Ports::held(database.read(queries::held_ports)?));
        let (users_changed, changed_users) = mpsc::unbounded_channel();
        let announcer = Announcer {
            sequence,
            live: live.clone(),
            users: users_changed,
            ports: Arc::clone(&ports),
        };
        let (writer, thread) = Writer::start(file.clone(), database.clone(), Arc::new(announcer))?;

        let settings = Arc::new(settings);
        let directory = Directory::new(database.clone(), sealer.clone());
        directory.load().await?;
        let queries = Queries {
            database: database.clone(),
            directory: directory.clone(),
            pulse: Pulse::default(),
            settings: Arc::clone(&settings),
            backbone: backbone.clone(),
            sequence: projected,
        };
        let stop = CancellationToken::new();
        let commands = Commands::new(queries.clone(), sealer, ports);
        let performer = Performer {
            commands: commands.clone(),
            queries: queries.clone(),
        };
        let reconciler = Reconciler::new(performer.clone(), clock.now());
        let undelivered = Arc::new(Notify::new());
        let (caught_up_sender, caught_up) = watch::channel(false);
        let (rebuilds, requests) = mpsc::channel(1);
        let reacted = projections::load_checkpoint(&database, POLICIES)?;

        let runner = Runner {
            log: backbone.log.clone(),
            parking: backbone.parking.clone(),
            writer: writer.clone(),
            file,
            checkpoint,
            requests,
            caught_up: caught_up_sender,
        };
        let policy = policies::Runner {
            performer,
            writer,
            clock: clock.clone(),
            checkpoint: reacted.unwrap_or(Checkpoint::start(checkpoint.log_created)),
            undelivered: Arc::clone(&undelivered),
        };
        let tasks = TaskTracker::new();
        let (raise, alarm) = watch::channel(None);
        tasks.spawn(project(runner, raise, stop.clone()));
        tasks.spawn(policy.run(stop.clone()));
        tasks.spawn(directory.follow(changed_users, stop.clone()));
        tasks.spawn(reconcile::drive(
            reconciler.clone(),
            clock.clone(),
            undelivered,
            stop.clone(),
        ));
        if let Some(heartbeats) = backbone.heartbeats() {
            tasks.spawn(queries.pulse.clone().listen(heartbeats, stop.clone()));
        }
        if let crate::parking::Parking::Bus(parked) = backbone.parking.clone() {
            let stop = stop.clone();
            tasks.spawn(async move {
                stop.run_until_cancelled_owned(async move { parked.collect().await })
                    .await;
            });
        }
        let parts = Parts {
            hub: Hub::new(live, queries.clone(), stop.clone()),
            logs: backbone.bus.as_ref().map(StepLogs::on),
            started: clock.now(),
            settings,
            backbone,
            clock,
            queries,
            commands,
            reconciler,
            caught_up,
            alarm,
            rebuilds,
        };
        Ok(Self {
            app: App {
                parts: Arc::new(parts),
            },
            stop,
            tasks,
            writer: thread,
        })
    }

    /// The handle.
    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// Ends every task, and waits until what was projected is stored.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let writer = self.writer;
        // The writer ends once its last handle, held by the tasks, is gone.
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    }
}

fn make_folder(path: &std::path::Path) -> Result<(), StartError> {
    crate::private_file::make_folder(path).map_err(|source| StartError::Home {
        path: path.to_owned(),
        source,
    })
}

/// Projects until told to stop; anything else is an alarm that stays up.
async fn project(runner: Runner, alarm: watch::Sender<Option<String>>, stop: CancellationToken) {
    if let Err(error) = runner.run(stop).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "projecting has stopped"
        );
        alarm.send_replace(Some(crate::chain::text(&error)));
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

    /// The figures of this process as Prometheus reads them.
    pub fn metrics_text(&self) -> String {
        crate::metrics::text(&self.parts.queries)
    }

    /// How long a probe of the log may take before it counts as away.
    pub(crate) const PROBE: Duration = Duration::from_secs(2);
}
