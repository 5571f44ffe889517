//! Where to connect, as whom, and with which patience.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use nexus_events::id::NodeId;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ring::Ring;
use super::secret;
use super::transport::Transport;
use super::{ConnectError, Connection};

/// The pause after the first attempt, and the longest: a server that was just started here is
/// there in some milliseconds, another one may take long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Between two signs of life. A server that misses three is left: one that was cut off, whose
/// connection nobody closes, is noticed within 8 s.
const PING: Duration = Duration::from_secs(2);

/// Who connects. Each is a NATS user of its own with its own rights and inbox
/// (`embedded/permissions.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `nexusd`: everything but deleting and purging streams.
    ControlPlane,
    /// `nexus-worker` of a node: its queue, its events, its logs, its heartbeat.
    Worker(NodeId),
    /// `nexus`: reads.
    Cli,
}

/// Its name in file names and in the server's list of connections.
impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlPlane => formatter.write_str("control-plane"),
            Self::Worker(node) => write!(formatter, "worker-{node}"),
            Self::Cli => formatter.write_str("cli"),
        }
    }
}

impl Role {
    /// What its reply subjects start with: the only thing it may subscribe to by right. Each
    /// worker's is its own, so that no other hears what it is answered.
    pub fn inbox(self) -> String {
        match self {
            Self::ControlPlane => "_INBOX_control-plane".into(),
            Self::Worker(node) => format!("_INBOX_worker.{node}"),
            Self::Cli => "_INBOX_cli".into(),
        }
    }
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    servers: Vec<String>,
    role: Role,
    seed_file: Option<PathBuf>,
    transport: Transport,
    patience: Duration,
}

impl Options {
    /// To any of `servers` (`nats://host:port`, or `tls://host:port`), without credentials.
    pub fn new(servers: impl IntoIterator<Item = impl Into<String>>, role: Role) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            role,
            seed_file: None,
            transport: Transport::default(),
            patience: Duration::from_secs(10),
        }
    }

    /// With the nkey seed in this file; it is read when connecting and never logged.
    #[must_use]
    pub fn seed_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.seed_file = Some(path.into());
        self
    }

    /// Over TLS or not, and which certificates count.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// How long to wait for the first connection (10 s unless told).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(super) const fn how_many_servers(&self) -> usize {
        self.servers.len()
    }

    pub(super) const fn has_patience(&self) -> Duration {
        self.patience
    }

    /// The servers for messages: what follows the last `@`, so that no password is printed.
    pub(super) fn servers_text(&self) -> String {
        let host = |url: &String| url.rsplit('@').next().unwrap_or_default().to_owned();
        self.servers.iter().map(host).collect::<Vec<_>>().join(", ")
    }

    pub(super) async fn establish(
        self,
        connection: Arc<watch::Sender<Connection>>,
    ) -> Result<async_nats::Client, ConnectError> {
        let deadline = Instant::now() + self.patience;
        let seed = match &self.seed_file {
            Some(path) => Some(secret::seed(path)?),
            None => None,
        };
        let secured = self.transport.check(&self.servers)?;
        let ring = Ring::default();
        let mut pause = FIRST_PAUSE;
        loop {
            let options = self.client_options(seed.clone(), Arc::clone(&connection));
            let options = ring.turn(self.transport.apply(options, secured));
            match options.connect(self.servers.as_slice()).await {
                Ok(client) => return Ok(client),
                Err(source) if Instant::now() + pause >= deadline => {
                    return Err(ConnectError::Connect {
                        servers: self.servers_text(),
                        source,
                    });
                }
                Err(error) => tracing::debug!(%error, "NATS is not there yet"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    fn client_options(
        &self,
        seed: Option<String>,
        connection: Arc<watch::Sender<Connection>>,
    ) -> ConnectOptions {
        let options = match seed {
            Some(seed) => ConnectOptions::with_nkey(seed),
            None => ConnectOptions::new(),
        };
        options
            .name(format!("nexus-{}", self.role))
            .custom_inbox_prefix(self.role.inbox())
            .ping_interval(PING)
            .request_timeout(Some(Duration::from_secs(10)))
            .connection_timeout(Duration::from_secs(2))
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                note(&connection, &event);
                std::future::ready(())
            })
    }
}

/// 0, 50, 100, 200 … 1,000 ms: a restarted server is found again before anyone notices.
fn reconnect_delay(attempts: usize) -> Duration {
    match attempts {
        0 | 1 => Duration::ZERO,
        more => Duration::from_millis(25 << more.min(6)).min(Duration::from_secs(1)),
    }
}

fn note(connection: &watch::Sender<Connection>, event: &Event) {
    match event {
        Event::Connected => connection.send_modify(|now| {
            now.generation += 1;
            now.up = true;
        }),
        Event::Disconnected | Event::Closed => connection.send_modify(|now| now.up = false),
        Event::LameDuckMode | Event::Draining => tracing::info!(%event, "NATS"),
        // A forbidden publish is answered by nothing but this.
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => {
            tracing::warn!(%event, "NATS");
        }
    }
}
