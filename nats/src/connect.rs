//! One connection per process, with the client settings JetStream needs.
//!
//! The library's defaults are for messaging, not for a log: it gives up asking after 10 s, waits
//! up to 4 s between reconnects, and says nothing of a refused publish. Here a lost server is
//! looked for again within 50 ms to 1 s, for ever, and everyone who waits is told at once
//! ([`Bus::connection`]), so that an ambiguous append or a tail is taken up anew without delay.

mod options;
mod ring;
mod secret;
mod silence;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use options::{Options, Role};
pub use transport::Transport;

use crate::call::CallError;
use silence::Silence;

/// The oldest JetStream API that keeps the promises made here (nats-server 2.12).
pub const LEAST_API_LEVEL: usize = 2;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The seed file is not there, not readable, or holds no nkey seed.
    #[error("reading the nkey seed {path}")]
    Seed {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others may read a file with a secret.
    #[error("{path} may be read by others (mode {mode:o}): chmod 600 {path}")]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is no address of a server.
    #[error("`{url}` is no address of a NATS server: expected tls://HOST:PORT or nats://HOST:PORT")]
    Url {
        /// What was given, without user information.
        url: String,
    },
    /// Programs' arguments can be read by everybody on the machine.
    #[error(
        "the URL of the NATS server {server} holds a password, which any process here could read: \
         take it out and name a file by --nats-creds"
    )]
    PasswordInUrl {
        /// The server, without user information.
        server: String,
    },
    /// Whoever is on the way could read and change everything.
    #[error(
        "NATS at {server} is not on this machine and would be spoken to without TLS: give the \
         authority's certificate by --nats-ca FILE (nats/deploy/README.md makes one), or \
         --nats-plaintext where the network itself encrypts"
    )]
    Plaintext {
        /// The server.
        server: String,
    },
    /// No server answered in time, or it refused the credentials.
    #[error("connecting to NATS at {servers}")]
    Connect {
        /// The URLs tried, without user information.
        servers: String,
        /// What the client said last.
        #[source]
        source: async_nats::ConnectError,
    },
    /// It answered, but JetStream did not.
    #[error("asking the NATS server at {servers} for its JetStream")]
    JetStream {
        /// The URLs tried, without user information.
        servers: String,
        /// What went wrong.
        #[source]
        source: CallError,
    },
    /// It is too old: it would store, and silently not do, what it does not know.
    #[error(
        "the NATS server at {servers} is {version} with JetStream API level {level}; \
         level {LEAST_API_LEVEL} (nats-server 2.12) is needed, 2.15.1 is recommended"
    )]
    TooOld {
        /// The URLs tried, without user information.
        servers: String,
        /// Its version.
        version: String,
        /// Its API level; 0 when it does not know of levels.
        level: usize,
    },
}

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// How often it was established: one more with each reconnect.
    pub generation: u64,
    /// Whether it is up now.
    pub up: bool,
}

/// The connection to NATS. Clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    line: Arc<Line>,
}

/// What all clones of a bus know of the connection.
#[derive(Debug)]
struct Line {
    connection: watch::Receiver<Connection>,
    silence: Silence,
}

impl Bus {
    /// Connects, waiting for the server up to the options' patience, and refuses an old server.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let servers = options.servers_text();
        let deadline = Instant::now() + options.has_patience();
        let silence = Silence::of(options.how_many_servers());
        let (sender, connection) = watch::channel(Connection {
            generation: 0,
            up: false,
        });
        let client = options.establish(Arc::new(sender)).await?;
        let line = Arc::new(Line {
            connection,
            silence,
        });
        let bus = Self { client, line };
        bus.up().await;
        bus.refuse_old_server(servers, deadline).await?;
        Ok(bus)
    }

    async fn refuse_old_server(
        &self,
        servers: String,
        deadline: Instant,
    ) -> Result<(), ConnectError> {
        let level = loop {
            match self.probe().await {
                Ok(level) => break level,
                // A cluster that is just starting has no leader yet.
                Err(error) if error.is_temporary() && Instant::now() < deadline => {
                    tracing::debug!(%error, "JetStream is not there yet");
                    self.pause_or_reconnected().await;
                }
                Err(source) => return Err(ConnectError::JetStream { servers, source }),
            }
        };
        if level >= LEAST_API_LEVEL {
            return Ok(());
        }
        let version = self.client.server_info().version;
        Err(ConnectError::TooOld {
            servers,
            version,
            level,
        })
    }

    /// Asks JetStream whether it is there, and gives its API level.
    ///
    /// # Errors
    /// When it does not answer in time, or refuses.
    pub async fn probe(&self) -> Result<usize, CallError> {
        #[derive(serde::Deserialize)]
        struct Account {
            api: Api,
        }
        #[derive(serde::Deserialize)]
        struct Api {
            #[serde(default)]
            level: usize,
        }
        let account: Account = self.api("asking for JetStream", "INFO", &()).await?;
        Ok(account.api.level)
    }

    /// How the connection stands, and when that changes.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        let mut connection = self.line.connection.clone();
        // A clone would report everything since the first connection as news.
        connection.mark_unchanged();
        connection
    }

    /// Whether the connection is up now.
    pub fn is_up(&self) -> bool {
        self.line.connection.borrow().up
    }

    /// Waits until the connection is up.
    pub async fn up(&self) {
        // The sender lives in the client, which `self` holds: the wait cannot fail.
        let _ = self.connection().wait_for(|connection| connection.up).await;
    }

    /// Waits until the connection is made anew, or a tenth of a second when it is up.
    pub(crate) async fn pause_or_reconnected(&self) {
        let pause = Duration::from_millis(100);
        if tokio::time::timeout(pause, self.connection().changed())
            .await
            .is_ok()
        {
            self.up().await;
        }
    }

    /// Notes that a question was not answered, and goes to another server where there is one: this
    /// one may be cut off from the others, which no connection to it shows.
    pub(crate) async fn not_answered(&self) {
        if self.line.silence.leave()
            && let Err(error) = self.client.force_reconnect().await
        {
            tracing::debug!(%error, "the connection is closed");
        }
    }

    /// Whether the server is one of a cluster.
    pub fn is_clustered(&self) -> bool {
        self.client.server_info().cluster.is_some()
    }

    /// The version of the server, as it says.
    pub fn server_version(&self) -> String {
        self.client.server_info().version
    }

    /// Sends what is still buffered and closes the connection. Without it, what was published
    /// last may be lost.
    pub async fn drain(&self) {
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "the connection was closed already");
        }
    }
}
