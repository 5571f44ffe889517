//! The log of a daemon: an nats-server of its own, or the one it is told of.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use nexus_events::spec::Provider;
use nexus_nats::topology::{self, Replicas};
use nexus_nats::{Bus, Embedded, EmbeddedOptions, NodeHome, Role, Transport};

use super::{DaemonArguments, NatsArguments};
use crate::settings::Settings;

/// A connection, and the child behind it where there is one.
pub(super) struct Connected {
    pub(super) bus: Bus,
    /// A second one, so that relayed bytes do not stand in the way of the log.
    pub(super) link: Bus,
    pub(super) embedded: Option<Arc<Embedded>>,
    /// How workers connect.
    pub(super) worker: WorkerAccess,
}

/// Where workers find the log, and which file holds the seed of each.
#[derive(Debug, Clone)]
pub(super) struct WorkerAccess {
    urls: Vec<String>,
    seeds: Seeds,
    /// Certificates, which are the host's and not the program's.
    transport: Transport,
}

#[derive(Debug, Clone)]
enum Seeds {
    /// Each worker is a user of its own.
    Own(BTreeMap<Provider, PathBuf>),
    /// We were told one for all, or none.
    Told(Option<PathBuf>),
}

impl WorkerAccess {
    /// What the worker for `provider` is told: where, and which files.
    pub(super) fn arguments(&self, provider: Provider) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["--nats-url".into(), self.urls.join(",").into()];
        let files = [
            ("--nats-creds", self.seed_file(provider)),
            ("--nats-ca", self.transport.authority.as_deref()),
            ("--nats-cert", self.transport.certificate.as_deref()),
        ];
        for (flag, path) in files {
            if let Some(path) = path {
                arguments.extend([flag.into(), path.into()]);
            }
        }
        if self.transport.plaintext {
            arguments.push("--nats-plaintext".into());
        }
        arguments
    }

    /// What the worker for `provider` connects with.
    fn seed_file(&self, provider: Provider) -> Option<&Path> {
        match &self.seeds {
            Seeds::Own(seeds) => seeds.get(&provider).map(PathBuf::as_path),
            Seeds::Told(seed) => seed.as_deref(),
        }
    }
}

impl Connected {
    /// Connects and makes sure of the streams; workers for `providers` will be started here.
    pub(super) async fn establish(
        arguments: &DaemonArguments,
        settings: &Settings,
        providers: &[Provider],
    ) -> anyhow::Result<Self> {
        let connected = if arguments.nats.url.is_empty() {
            Self::to_own(settings, providers).await?
        } else {
            Self::to(&arguments.nats).await?
        };
        let replicas = match arguments.nats.replicas {
            Some(replicas) => Replicas(usize::from(replicas)),
            None => Replicas::fit_for(&connected.bus),
        };
        topology::ensure(&connected.bus, replicas)
            .await
            .context("making sure of the streams of the log")?;
        // Before anything is written of which somebody will ask when it was.
        connected
            .bus
            .take_time_of_log()
            .await
            .context("asking the log's server for the time")?;
        Ok(connected)
    }

    async fn to_own(settings: &Settings, providers: &[Provider]) -> anyhow::Result<Self> {
        let mut options = EmbeddedOptions::new(settings.in_this_home("nats"));
        let mut nodes = Vec::new();
        for provider in providers.iter().copied() {
            let node = NodeHome::of(&settings.home, provider)?.node()?;
            options = options.worker(node, provider);
            nodes.push((provider, node));
        }
        let embedded = Embedded::start(options)
            .await
            .context("starting the nats-server")?;
        let connect = async || {
            Bus::connect(embedded.options(Role::ControlPlane))
                .await
                .context("connecting to the nats-server started here")
        };
        let (bus, link) = tokio::try_join!(connect(), connect())?;
        let seed = |(provider, node)| (provider, embedded.seed_file(Role::Worker(node)));
        let worker = WorkerAccess {
            urls: vec![embedded.url().to_owned()],
            seeds: Seeds::Own(nodes.into_iter().map(seed).collect()),
            transport: Transport::default(),
        };
        Ok(Self {
            bus,
            link,
            embedded: Some(Arc::new(embedded)),
            worker,
        })
    }

    async fn to(arguments: &NatsArguments) -> anyhow::Result<Self> {
        let connect = async || {
            Bus::connect(arguments.options())
                .await
                .context("connecting to NATS")
        };
        let (bus, link) = tokio::try_join!(connect(), connect())?;
        let worker = WorkerAccess {
            urls: arguments.url.clone(),
            seeds: Seeds::Told(arguments.worker_creds.clone()),
            transport: arguments.transport(),
        };
        Ok(Self {
            bus,
            link,
            embedded: None,
            worker,
        })
    }

    /// Closes the connection, then ends the child: it is the last to stop.
    pub(super) async fn close(self) {
        self.link.drain().await;
        self.bus.drain().await;
        // Nobody else has it any more; if somebody had, the last one would stop it.
        if let Some(embedded) = self.embedded.and_then(Arc::into_inner) {
            embedded.stop().await;
        }
    }
}
