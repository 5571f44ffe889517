//! The connection to the engine: made at first use, so that a worker may start before its engine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::OnceCell;

use super::error::engine_error;
use crate::provider::{ErrorClass, ProviderError, Result};

/// The limit of one request, in seconds; requests that take longer by nature have their own.
const REQUEST_SECONDS: u64 = 60;
/// The oldest API this is written and tested against (Docker 20.10).
const OLDEST_API: (usize, usize) = (1, 41);
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// The engine behind one socket.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
    connected: OnceCell<Connected>,
}

#[derive(Debug)]
struct Connected {
    docker: Docker,
    cores: u32,
}

impl Engine {
    pub(super) fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            connected: OnceCell::new(),
        }
    }

    /// The client, speaking a version both sides know. Asks the engine only the first time.
    pub(super) async fn connect(&self) -> Result<&Docker> {
        Ok(&self.connected().await?.docker)
    }

    /// How many cores the engine's machine has: it refuses limits above that.
    pub(super) async fn cores(&self) -> Result<u32> {
        Ok(self.connected().await?.cores)
    }

    /// The engine's version, asked anew: tells whether it answers now.
    pub(super) async fn version(&self) -> Result<String> {
        let docker = self.connect().await?.clone().with_timeout(VERSION_LIMIT);
        let version = docker
            .version()
            .await
            .map_err(|error| self.unreachable(error))?;
        Ok(version
            .version
            .unwrap_or_else(|| "of unknown version".into()))
    }

    async fn connected(&self) -> Result<&Connected> {
        self.connected.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<Connected> {
        let path = self.socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&path, REQUEST_SECONDS, API_DEFAULT_VERSION)
            .map_err(|error| self.unreachable(error))?;
        let docker = docker
            .negotiate_version()
            .await
            .map_err(|error| self.unreachable(error))?;
        let spoken = docker.client_version();
        if (spoken.major_version, spoken.minor_version) < OLDEST_API {
            let (major, minor) = OLDEST_API;
            let cause = format!("it speaks API {spoken}, older than {major}.{minor}");
            return Err(
                ProviderError::new(ErrorClass::Invalid, self.attempted(), cause)
                    .with_hint("install Docker 20.10 or newer"),
            );
        }
        let info = docker
            .info()
            .await
            .map_err(|error| self.unreachable(error))?;
        let cores = info
            .ncpu
            .and_then(|cores| u32::try_from(cores).ok())
            .unwrap_or(1);
        Ok(Connected {
            docker,
            cores: cores.max(1),
        })
    }

    fn attempted(&self) -> String {
        format!("talking to the Docker engine at {}", self.socket.display())
    }

    fn unreachable(&self, error: bollard::errors::Error) -> ProviderError {
        engine_error(self.attempted(), error)
    }
}
