//! A nats-server as a child of `nexusd`, so that one machine needs nothing else.
//!
//! ```text
//!  <folder>/lock             held by us and by the child: two servers on one store corrupt it
//!          /port             a free loopback port, chosen once: clients find a restarted server
//!          /nats-server.json its configuration, 0600, written at each start
//!          /keys/<role>.nk   one nkey seed for each role and each worker, 0600, made once; the
//!                            server only knows the public keys
//!          /store            the streams
//!          /nats-server.log  what it says
//! ```
//!
//! It listens on loopback only. The control plane, the command line and each worker are users of
//! their own with the least rights they need (`permissions.rs`). MQTT, leaf nodes, WebSocket and
//! the monitor are off. It gets the death signal when this process dies, has its own process group,
//! so that Ctrl-C reaches `nexusd` first, and is started again with growing pauses when it crashes.
//! [`Embedded::stop`] is the last thing `nexusd` does.

mod binary;
mod config;
pub(crate) mod credentials;
pub(crate) mod permissions;
mod store;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_events::id::NodeId;
use nexus_events::spec::Provider;

use crate::connect::{Bus, ConnectError, Options, Role};

pub use binary::find as find_binary;
use credentials::User;
use store::StoreLock;
pub use supervisor::ChildState;
use supervisor::{Program, Supervisor};

/// When an acknowledged message is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Before the acknowledgement: nothing acknowledged is lost, even to a power cut.
    #[default]
    Always,
    /// Within two minutes: a crash of the server loses nothing, one of the machine may. For tests.
    Relaxed,
}

/// How to run the child.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    folder: PathBuf,
    binary: Option<PathBuf>,
    durability: Durability,
    patience: Duration,
    workers: Vec<User>,
}

impl EmbeddedOptions {
    /// With everything of it in `folder`, which is made when it is missing.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            binary: None,
            durability: Durability::Always,
            patience: Duration::from_secs(15),
            workers: Vec::new(),
        }
    }

    /// With a user for the worker of `node`, who takes commands for `provider`.
    #[must_use]
    pub fn worker(mut self, node: NodeId, provider: Provider) -> Self {
        self.workers.push(User::Worker { node, provider });
        self
    }

    /// With this nats-server instead of the one found (see [`find_binary`]).
    #[must_use]
    pub fn binary(self, path: impl Into<PathBuf>) -> Self {
        Self {
            binary: Some(path.into()),
            ..self
        }
    }

    /// With another promise about the disk than [`Durability::Always`].
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// How long it may take until it answers (15 s unless told).
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// Why the child does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There is no nats-server on this machine.
    #[error(
        "no nats-server found ({tried}); `./dev up` installs it, or set NEXUS_NATS_SERVER to \
         one of version 2.12 or newer"
    )]
    NoBinary {
        /// Where it was looked for.
        tried: String,
    },
    /// It cannot be run, or is not a nats-server.
    #[error("asking {path} for its version")]
    Version {
        /// Which program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is too old: it ignores silently what it does not know.
    #[error(
        "{path} is nats-server {found}, which is too old: 2.12 or newer is needed; \
         `./dev up` installs 2.15.1"
    )]
    TooOld {
        /// Which program.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Another `nexusd` (or its dying server) has the store.
    #[error(
        "the log in {folder} is in use by another process; stop it (`nexus daemon stop`) or \
         choose another folder"
    )]
    InUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// A file could not be made, read or written.
    #[error("{attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The child could not be started.
    #[error("starting {path}")]
    Spawn {
        /// Which program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It was started and does not answer.
    #[error("the embedded nats-server does not answer; what it says is in {log}")]
    NotReady {
        /// Its log file.
        log: PathBuf,
        /// The last attempt to connect.
        #[source]
        source: ConnectError,
    },
}

/// A running child. Dropping it stops the server, without waiting long.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    keys: PathBuf,
    supervisor: Supervisor,
    _lock: StoreLock,
}

impl Embedded {
    /// Starts the child and waits until its JetStream answers.
    ///
    /// # Errors
    /// See [`EmbeddedError`].
    pub async fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let patience = options.patience;
        let log = config::log_file(&options.folder);
        // Looking for files, a version and a free port takes a moment, so not on the runtime.
        let embedded = tokio::task::spawn_blocking(move || Self::prepare(options))
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let connect = Bus::connect(embedded.options(Role::ControlPlane).patience(patience));
        match connect.await {
            Ok(bus) => bus.drain().await,
            Err(source) => return Err(EmbeddedError::NotReady { log, source }),
        }
        Ok(embedded)
    }

    fn prepare(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let binary = binary::find(options.binary.as_deref())?;
        binary::refuse_old(&binary)?;
        store::private_folder(&options.folder)?;
        let lock = StoreLock::take(&options.folder, options.patience)?;
        let keys = options.folder.join("keys");
        let users = [User::ControlPlane, User::Cli].into_iter();
        let users = credentials::load_or_make(&keys, users.chain(options.workers))?;
        let port = store::port(&options.folder)?;
        let config = config::write(&options.folder, port, options.durability, &users)?;
        let log = config::log_file(&options.folder);
        let supervisor = Supervisor::start(Program {
            binary,
            config,
            log,
            lock: lock.handle(),
        })?;
        Ok(Self {
            url: format!("nats://127.0.0.1:{port}"),
            keys,
            supervisor,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with the nkey seed of `role`, to be handed to that program; a worker has one when
    /// the options told of it.
    pub fn seed_file(&self, role: Role) -> PathBuf {
        credentials::seed_file(&self.keys, role)
    }

    /// How to connect to it as `role`.
    pub fn options(&self, role: Role) -> Options {
        Options::new([self.url.as_str()], role).seed_file(self.seed_file(role))
    }

    /// How the child is, and when that changes.
    pub fn state(&self) -> tokio::sync::watch::Receiver<ChildState> {
        self.supervisor.state()
    }

    /// Ends the child and has it started again: a server that ran into a full disk answers no
    /// publish any more, also once there is room.
    pub async fn restart(&self) {
        self.supervisor.restart(Duration::from_secs(3)).await;
    }

    /// Ends the child in good order, and waits for it. Everyone else must be gone.
    pub async fn stop(self) {
        let waited = tokio::task::spawn_blocking(move || self.supervisor.stop()).await;
        if let Err(error) = waited {
            tracing::error!(%error, "the nats-server could not be stopped in good order");
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

/// The error for a file.
fn file(
    attempt: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> EmbeddedError + use<> {
    let path = path.to_owned();
    move |source| EmbeddedError::File {
        attempt,
        path,
        source,
    }
}
