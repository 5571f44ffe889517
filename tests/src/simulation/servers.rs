//! What runs in a simulated process: a control plane without its transports, or a worker, put
//! together as their binaries do it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::settings::{Deadlines, Settings, Silence};
use nexus_control_plane::threads::Threads;
use nexus_events::id::NodeId;
use nexus_events::node::NodeProfile;
use nexus_events::spec::{Capabilities, Provider};
use nexus_nats::MemoryBus;
use nexus_workers::fake::{FakeEngine, FakeProvider};
use nexus_workers::ports::Ports;
use nexus_workers::runtime::{Membership, Output, Positions, Runtime, RuntimeOptions};
use tokio_util::sync::CancellationToken;

/// Before a process that could not start tries again, as its supervisor has it.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a worker takes to say good-bye.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where a control plane puts its handle once it is up.
#[derive(Debug, Clone, Default)]
pub(super) struct Door(Arc<Mutex<Option<App>>>);

impl Door {
    pub(super) fn app(&self) -> Option<App> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn open(&self, app: App) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(app);
    }
}

/// Everything kept in `home`, but for the keys, which all replicas share; with deadlines as short
/// as a run.
pub(super) fn settings(home: &Path) -> Settings {
    let mut settings = Settings::in_home(home);
    settings.keys = home.parent().unwrap_or(home).join("keys");
    settings.ssh_ports = vec![2222..=2225, 32800..=32899];
    settings.port_quarantine = SignedDuration::from_secs(20);
    settings.deadlines = Deadlines {
        create: SignedDuration::from_secs(60),
        start: SignedDuration::from_secs(40),
        stop: SignedDuration::from_secs(30),
        delete: SignedDuration::from_secs(30),
    };
    settings.silence = Silence {
        lost: SignedDuration::from_secs(15),
        abandoned: SignedDuration::from_secs(20),
    };
    settings
}

/// A control plane, until its process ends.
pub(super) async fn replica(home: PathBuf, backbone: Backbone, door: Door) {
    loop {
        let options = Options {
            settings: settings(&home),
            backbone: backbone.clone(),
            clock: Clock::system(),
        };
        match Plane::start_on(Threads::One, options).await {
            Ok(plane) => {
                door.open(plane.app());
                // It works for as long as somebody holds it.
                std::future::pending::<()>().await;
                drop(plane);
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "it starts again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// A worker and where it lives.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) node: NodeId,
    pub(super) engine: FakeEngine,
    pub(super) folder: PathBuf,
    pub(super) address: IpAddr,
    pub(super) bus: MemoryBus,
}

/// A worker, until `stop` and its good-bye, or until its process ends.
pub(super) async fn worker(worker: Worker, stop: CancellationToken) {
    while let Err(error) = live(&worker, &stop).await {
        tracing::debug!(%error, "it starts again");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn live(worker: &Worker, stop: &CancellationToken) -> anyhow::Result<()> {
    let (log, node) = (worker.bus.log(), worker.node);
    let profile = NodeProfile {
        provider: Provider::Fake,
        hostname: "simulated".into(),
        engine: "fake".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        slots: 4,
        capabilities: Capabilities::default(),
    };
    let membership = Membership::join(log.clone(), node, profile).await?;
    let (output, mut heard) = Output::channel();
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    let runtime = Runtime::new(
        FakeProvider::on(&worker.engine),
        node,
        log,
        output,
        Ports::new(worker.address),
        Positions::in_folder(worker.folder.join("positions"))?,
        RuntimeOptions {
            slots: 4,
            ..RuntimeOptions::default()
        },
    );
    if let Err(error) = runtime.adopt().await {
        tracing::debug!(%error, "machines are compared with the log later");
    }
    let queues = runtime.queues(&worker.bus.commands()).await?;
    let (room, beating) = (queues.room(), CancellationToken::new());
    let heart = {
        let (runtime, beating) = (runtime.clone(), beating.clone());
        let heartbeats = worker.bus.heartbeats();
        tokio::spawn(async move {
            let comparing = runtime.adopt_often(beating.clone());
            let beats = runtime.beat(heartbeats, membership, room, beating);
            tokio::join!(beats, comparing).0
        })
    };
    runtime.consume(queues, stop.clone()).await;
    beating.cancel();
    let membership = heart.await?;
    // The control plane sees by the silence what is not said in time.
    let _ = tokio::time::timeout(FAREWELL, membership.leave()).await;
    Ok(())
}
