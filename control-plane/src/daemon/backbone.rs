//! The log of a daemon: an nats-server of its own, or the one it is told of.

use std::path::PathBuf;

use anyhow::Context as _;
use nexus_nats::topology::{self, Replicas};
use nexus_nats::{Bus, Embedded, EmbeddedOptions, Options, Role};

use super::DaemonArguments;
use crate::settings::Settings;

/// A connection, and the child behind it where there is one.
pub(super) struct Connected {
    pub(super) bus: Bus,
    /// A second one, so that relayed bytes do not stand in the way of the log.
    pub(super) link: Bus,
    pub(super) embedded: Option<Embedded>,
    /// How workers connect.
    pub(super) worker: WorkerAccess,
}

/// Where workers find the log, and which file holds their seed.
#[derive(Debug, Clone)]
pub(super) struct WorkerAccess {
    pub(super) url: String,
    pub(super) seed_file: Option<PathBuf>,
}

impl Connected {
    /// Connects and makes sure of the streams.
    pub(super) async fn establish(
        arguments: &DaemonArguments,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let connected = match &arguments.nats_url {
            Some(url) => Self::to(url, arguments).await?,
            None => Self::to_own(settings).await?,
        };
        let replicas = Replicas(usize::from(arguments.nats_replicas));
        topology::ensure(&connected.bus, replicas)
            .await
            .context("making sure of the streams of the log")?;
        Ok(connected)
    }

    async fn to_own(settings: &Settings) -> anyhow::Result<Self> {
        let options = EmbeddedOptions::new(settings.in_this_home("nats"));
        let embedded = Embedded::start(options)
            .await
            .context("starting the nats-server")?;
        let connect = async || {
            Bus::connect(embedded.options(Role::ControlPlane))
                .await
                .context("connecting to the nats-server started here")
        };
        let (bus, link) = tokio::try_join!(connect(), connect())?;
        let worker = WorkerAccess {
            url: embedded.url().to_owned(),
            seed_file: Some(embedded.seed_file(Role::Worker)),
        };
        Ok(Self {
            bus,
            link,
            embedded: Some(embedded),
            worker,
        })
    }

    async fn to(url: &str, arguments: &DaemonArguments) -> anyhow::Result<Self> {
        let mut options = Options::new([url], Role::ControlPlane);
        if let Some(seed) = &arguments.nats_creds {
            options = options.seed_file(seed);
        }
        let connect = async || {
            Bus::connect(options.clone())
                .await
                .context("connecting to NATS")
        };
        let (bus, link) = tokio::try_join!(connect(), connect())?;
        let worker = WorkerAccess {
            url: url.to_owned(),
            seed_file: arguments.nats_worker_creds.clone(),
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
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}
