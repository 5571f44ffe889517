//! A worker's life: connect, say who it is, find again what runs, take commands, say good-bye.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::node::NodeProfile;
use nexus_nats::link::tls::{LinkKey, TlsListen};
use nexus_nats::link::{self, LinkListen};
use nexus_nats::{
    Bus, CommandQueue, Heartbeats, Log, NodeHome, Options, Role, StepLogs, Transport,
};
use nexus_workers::init;
use nexus_workers::link::InitDoors;
use nexus_workers::ports::Ports;
use nexus_workers::provider::Provider;
use nexus_workers::providers::docker::{DockerOptions, DockerProvider};
use nexus_workers::providers::process::{ProcessOptions, ProcessProvider};
use nexus_workers::runtime::{Membership, Output, Positions, Runtime, RuntimeOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::args::{ProviderArg, WorkerArgs};

/// How long the log may take to say good-bye to.
const FAREWELL: Duration = Duration::from_secs(3);
/// Between two looks for the log's first event.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until TERM or interrupt.
pub(crate) async fn run(args: WorkerArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let stop = stop_on_signal()?;
    let home = args.node_home()?;
    let bus = connect(&args).await?;
    let log = Log::on(&bus);
    let binary = init::locate().context("looking for nexus-init")?;
    match args.provider {
        ProviderArg::Docker => {
            let make = |instance: &str| {
                DockerProvider::new(DockerOptions::new(home.folder(), &binary, instance))
            };
            let life = Life {
                args: &args,
                home: &home,
                bus: &bus,
                log,
                stop,
            };
            life.live(make).await
        }
        ProviderArg::Process => {
            let make = |instance: &str| {
                let options = ProcessOptions::new(home.folder(), &binary, instance);
                ProcessProvider::new(options.map_err(std::io::Error::other)?)
            };
            let life = Life {
                args: &args,
                home: &home,
                bus: &bus,
                log,
                stop,
            };
            life.live(make).await
        }
    }
}

struct Life<'a> {
    args: &'a WorkerArgs,
    home: &'a NodeHome,
    bus: &'a Bus,
    log: Log,
    stop: CancellationToken,
}

impl Life<'_> {
    async fn live<P: Provider>(
        self,
        make: impl Fn(&str) -> std::io::Result<P>,
    ) -> anyhow::Result<()> {
        let node = self.home.node()?;
        // Who makes machines for which log is told by the log, which may have no event before ours.
        let unlabelled = make("").context("preparing the provider")?;
        let profile = self.profile(&unlabelled).await?;
        // Before anything is told of which somebody will ask when it was.
        let queue = CommandQueue::on(self.bus);
        queue
            .take_time(self.args.provider.into())
            .await
            .context("asking the log's server for the time")?;
        tracing::info!(%node, engine = profile.engine, "the worker starts");
        let membership = Membership::join(self.log.clone(), node, profile).await?;
        let provider = make(&instance(&self.log).await?).context("preparing the provider")?;
        let listen = self.listen().context("listening for the link")?;
        let runtime = Runtime::new(
            provider,
            node,
            self.log.clone(),
            Output::into_logs(StepLogs::on(self.bus)),
            Ports::new(self.args.bind),
            Positions::in_folder(self.home.folder().join("positions"))?,
            RuntimeOptions {
                slots: self.args.slots.into(),
                link: listen.addresses(),
                ..RuntimeOptions::default()
            },
        );
        match runtime.adopt().await {
            Ok(found) => tracing::info!(
                adopted = found.adopted.len(),
                ended = found.ended.len(),
                removed = found.removed.len(),
                orphans = found.orphans.len(),
                "machines compared with the log"
            ),
            Err(error) => tracing::warn!(%error, "machines are compared with the log later"),
        }
        self.work(&runtime, membership, listen).await
    }

    /// On this host always, for others when told to.
    fn listen(&self) -> std::io::Result<LinkListen> {
        let listen = LinkListen::at(&self.home.folder().join("link.sock"))?;
        let Some(address) = self.args.link_listen else {
            return Ok(listen);
        };
        let key = LinkKey::kept_in(&self.home.folder().join("link.key"))?;
        let tls = TlsListen::at(address, self.args.link_advertise.clone(), &key)?;
        tracing::info!(%address, key = %key.pin(), "the link is listened for by TLS");
        Ok(listen.and_tls(tls))
    }

    /// A worker whose engine does not run joins all the same: its commands then fail with a cause
    /// and a hint instead of waiting for nobody.
    async fn profile<P: Provider>(&self, provider: &P) -> anyhow::Result<NodeProfile> {
        let (engine, capabilities) = match provider.profile().await {
            Ok(profile) => (profile.engine, profile.capabilities),
            Err(error) => {
                tracing::error!(%error, "the engine cannot be used now");
                (
                    format!("{} (not answering)", provider.kind()),
                    Default::default(),
                )
            }
        };
        Ok(NodeProfile {
            provider: provider.kind(),
            hostname: hostname(),
            engine,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: self.args.slots.into(),
            capabilities,
        })
    }

    async fn work<P: Provider>(
        self,
        runtime: &Runtime<P>,
        membership: Membership,
        listen: LinkListen,
    ) -> anyhow::Result<()> {
        let queues = runtime.queues(&CommandQueue::on(self.bus)).await?;
        let room = queues.room();
        let beating = CancellationToken::new();
        let heart = {
            let (runtime, beating) = (runtime.clone(), beating.clone());
            let heartbeats = Heartbeats::on(self.bus);
            tokio::spawn(async move {
                let comparing = runtime.adopt_often(beating.clone());
                let beats = runtime.beat(heartbeats, membership, room, beating);
                tokio::join!(beats, comparing).0
            })
        };
        let time = {
            let (queue, beating) = (CommandQueue::on(self.bus), beating.clone());
            let provider = self.args.provider.into();
            tokio::spawn(async move { queue.follow_time(provider, beating).await })
        };
        let link = {
            // A connection of its own: bytes never stand in the way of commands.
            let bus = connect(self.args).await?;
            let doors = Arc::new(InitDoors::of(runtime));
            tokio::spawn(link::serve(
                bus,
                runtime.node(),
                doors,
                listen,
                beating.clone(),
            ))
        };
        tracing::info!("the worker takes commands");
        runtime.consume(queues, self.stop).await;
        beating.cancel();
        let membership = heart.await.context("the heartbeat ended")?;
        link.await.context("serving the link ended")?;
        time.await.context("following the time ended")?;
        let farewell = async {
            membership.leave().await?;
            self.bus.drain().await;
            anyhow::Ok(())
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(said) => said,
            // The control plane will see by the silence.
            Err(_) => Ok(()),
        }
    }
}

/// Which Nexus the machines belong to: the id of the log's first event, which no other log has.
async fn instance(log: &Log) -> anyhow::Result<String> {
    loop {
        let first = log.get(1).await.context("reading the log's first event")?;
        if let Some(first) = first {
            return Ok(match first.id {
                Some(id) => id.to_string(),
                None => first.stored_at.to_string(),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub(crate) async fn connect(args: &WorkerArgs) -> anyhow::Result<Bus> {
    let local = || vec!["nats://127.0.0.1:4222".to_owned()];
    let urls = Some(args.nats_url.clone()).filter(|urls| !urls.is_empty());
    let role = Role::Worker(args.node_home()?.node()?);
    let mut options = Options::new(urls.unwrap_or_else(local), role).transport(Transport {
        authority: args.nats_ca.clone(),
        certificate: args.nats_cert.clone(),
        plaintext: args.nats_plaintext,
    });
    if let Some(file) = &args.nats_creds {
        options = options.seed_file(file);
    }
    Ok(Bus::connect(options).await?)
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate()).context("listening for TERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for interrupts")?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("the worker ends");
        stopping.cancel();
    });
    Ok(stop)
}

fn hostname() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
