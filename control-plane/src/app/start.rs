//! The composition root: what is made of what, and in which order it starts.
//!
//! ```text
//!  home, master key ─► read model ─► writer ─► queries ─► commands ─► policies, reconcilers
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nexus_events::id::UserId;
use nexus_nats::StepLogs;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{App, Options, Parts, Plane, StartError};
use crate::announce::Announcer;
use crate::backbone::Backbone;
use crate::commands::{Commands, Ports};
use crate::directory::Directory;
use crate::gateway::Gateway;
use crate::hub::{self, Hub, Live};
use crate::parking::Parking;
use crate::policies::{self, Performer};
use crate::projections::checkpoint::{Checkpoint, POLICIES};
use crate::projections::database::Database;
use crate::projections::rebuild;
use crate::projections::runner::Runner;
use crate::projections::writer::Writer;
use crate::projections::{self, ProjectionError};
use crate::pulse::Pulse;
use crate::queries::{self, Queries};
use crate::reconcile::{self, Reconciler};
use crate::sealing::Sealer;
use crate::settings::Settings;
use crate::shared_keys;
use crate::ssh::{self, Authorities};
use crate::threads::{Done, Threads};
use crate::vault::Vault;

/// The read model as it was opened, and who writes it.
struct ReadModel {
    file: PathBuf,
    checkpoint: Checkpoint,
    database: Database,
    projected: watch::Receiver<u64>,
    live: Live,
    ports: Arc<Ports>,
    changed_users: mpsc::UnboundedReceiver<UserId>,
    writer: Writer,
    writing: Done<()>,
}

impl ReadModel {
    /// As it is, or made anew when it is not there, of another version, or damaged.
    async fn open(
        settings: &Settings,
        backbone: &Backbone,
        threads: Threads,
    ) -> Result<Self, ProjectionError> {
        let file = settings.read_model();
        let (checkpoint, unreadable) = rebuild::open(threads, &backbone.log, &file).await?;
        for unreadable in &unreadable {
            backbone.parking.park(unreadable).await;
        }
        let database = Database::new(&file);
        let (sequence, projected) = watch::channel(checkpoint.sequence);
        let live = hub::live();
        let ports = Arc::new(Ports::known(database.read(queries::claimed_ports)?));
        let (users, changed_users) = mpsc::unbounded_channel();
        let announcer = Announcer {
            sequence,
            live: live.clone(),
            users,
            ports: Arc::clone(&ports),
        };
        let announcer = Arc::new(announcer);
        let (writer, writing) = Writer::start(file.clone(), database.clone(), announcer, threads)?;
        Ok(Self {
            file,
            checkpoint,
            database,
            projected,
            live,
            ports,
            changed_users,
            writer,
            writing,
        })
    }

    /// How far policies have come in it.
    fn reacted(&self) -> Result<Checkpoint, ProjectionError> {
        let reacted = projections::load_checkpoint(&self.database, POLICIES)?;
        Ok(reacted.unwrap_or(Checkpoint::start(self.checkpoint.log_created)))
    }
}

impl Plane {
    /// Opens (or makes) the read model, then starts projecting, reacting and reconciling.
    ///
    /// # Errors
    /// See [`StartError`]; above all, a log that is not the one projected before.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_on(Threads::Own, options).await
    }

    /// The same, with work that blocks done there.
    ///
    /// # Errors
    /// As [`Plane::start`].
    pub async fn start_on(threads: Threads, options: Options) -> Result<Self, StartError> {
        let Options {
            settings,
            backbone,
            clock,
        } = options;
        crate::metrics::install();
        make_folder(&settings.home)?;
        make_folder(settings.read_model().parent().unwrap_or(&settings.home))?;
        let sealer = Sealer::open(&settings.master_key(), backbone.key_store.clone())?;
        let authorities = Authorities::open(&settings.keys)?;
        shared_keys::ensure(
            &backbone.key_store,
            &sealer,
            &authorities,
            settings.replace_keys,
        )
        .await?;
        let model = ReadModel::open(&settings, &backbone, threads).await?;
        let reacted = model.reacted()?;
        let directory = Directory::new(model.database.clone(), sealer.clone());
        directory.load().await?;

        let settings = Arc::new(settings);
        let queries = Queries {
            database: model.database,
            directory: directory.clone(),
            pulse: Pulse::default(),
            settings: Arc::clone(&settings),
            vault: Vault::new(sealer.clone(), backbone.value_store.clone()),
            backbone: backbone.clone(),
            sequence: model.projected,
            written: Arc::default(),
            remembered: Arc::default(),
        };
        let commands = Commands::new(
            queries.clone(),
            sealer.clone(),
            model.ports,
            authorities.clone(),
        );
        let performer = Performer {
            commands: commands.clone(),
            queries: queries.clone(),
        };
        let reconciler = Reconciler::new(performer.clone(), clock.now());
        let undelivered = Arc::new(Notify::new());
        let (rebuilds, requests) = mpsc::channel(1);
        let (says_caught_up, caught_up) = watch::channel(false);
        let (raises, alarm) = watch::channel(None);

        let runner = Runner {
            log: backbone.log.clone(),
            parking: backbone.parking.clone(),
            writer: model.writer.clone(),
            file: model.file,
            threads,
            checkpoint: model.checkpoint,
            requests,
            caught_up: says_caught_up,
        };
        let policies = policies::Runner {
            performer,
            writer: model.writer,
            clock: clock.clone(),
            checkpoint: reacted,
            undelivered: Arc::clone(&undelivered),
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(project(runner, raises, stop.clone()));
        tasks.spawn(policies.run(stop.clone()));
        tasks.spawn(crate::metrics::sum_up(stop.clone()));
        tasks.spawn(directory.follow(model.changed_users, stop.clone()));
        let reconciling =
            reconcile::drive(reconciler.clone(), clock.clone(), undelivered, stop.clone());
        tasks.spawn(reconciling);
        listen(&backbone, &queries, &tasks, &stop);
        let hub = Hub::new(model.live, queries.clone(), stop.clone());
        let gateway = Gateway::new(
            backbone.lines.clone(),
            queries.clone(),
            commands.clone(),
            hub.clone(),
            clock.clone(),
        );
        if backbone.lines.is_some() {
            let pusher = ssh::pusher(
                queries.clone(),
                authorities.clone(),
                gateway.clone(),
                clock.clone(),
                hub.clone(),
            );
            tasks.spawn(pusher.run(stop.clone()));
        }
        let parts = Parts {
            hub,
            gateway,
            logs: backbone.bus.as_ref().map(StepLogs::on),
            started: clock.now(),
            settings,
            backbone,
            clock,
            queries,
            commands,
            authorities,
            sealer,
            jump_host: OnceLock::new(),
            reconciler,
            caught_up,
            alarm,
            rebuilds,
            rebuilding: false.into(),
            work: watch::Sender::default(),
        };
        Ok(Self {
            app: App {
                parts: Arc::new(parts),
            },
            stop,
            tasks,
            writer: model.writing,
        })
    }
}

/// Listens to heartbeats, and to what only a server has: the time, and commands that were given up.
fn listen(backbone: &Backbone, queries: &Queries, tasks: &TaskTracker, stop: &CancellationToken) {
    let heartbeats = backbone.heartbeats.clone();
    tasks.spawn(queries.pulse.clone().listen(heartbeats, stop.clone()));
    if let Some(bus) = backbone.bus.clone() {
        let stop = stop.clone();
        tasks.spawn(async move { bus.follow_time_of_log(stop).await });
    }
    if let Parking::Bus(parked) = backbone.parking.clone() {
        let stop = stop.clone();
        let collecting = async move { parked.collect().await };
        tasks.spawn(stop.run_until_cancelled_owned(collecting));
    }
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

fn make_folder(path: &Path) -> Result<(), StartError> {
    crate::private_file::make_folder(path).map_err(|source| StartError::Home {
        path: path.to_owned(),
        source,
    })
}
