//! The workers of this machine: one `nexus-worker` per provider, beside our own executable.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::spec::Provider;

use super::WorkerChoice;
use super::backbone::WorkerAccess;
use super::supervisor::Supervisor;
use crate::queries::{Queries, online_providers};
use crate::settings::Settings;

/// How long the first answer waits for workers that were just started; one whose engine does not
/// work never joins.
const JOINING: Duration = Duration::from_secs(5);

/// Where Docker's engine listens unless told otherwise.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// The running workers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    providers: Vec<Provider>,
    supervisors: Vec<Supervisor>,
}

impl Workers {
    pub(super) fn start(
        providers: Vec<Provider>,
        settings: &Settings,
        access: &WorkerAccess,
    ) -> anyhow::Result<Self> {
        if providers.is_empty() {
            return Ok(Self::default());
        }
        let program = program()?;
        let mut workers = Self {
            providers: providers.clone(),
            ..Self::default()
        };
        for provider in providers {
            let (program, home, access) = (program.clone(), settings.home.clone(), access.clone());
            let command = move || {
                let mut command = Command::new(&program);
                command
                    .arg("--provider")
                    .arg(provider.as_str())
                    .arg("--home")
                    .arg(&home);
                command.args(access.arguments(provider));
                // Our own seed is in our environment: a worker is another user.
                command.env_remove("NEXUS_NATS_CREDS");
                // Ctrl-C is for us; workers are told when it is their turn.
                command.stdin(Stdio::null()).process_group(0);
                command
            };
            let supervisor = Supervisor::start(format!("worker-{provider}"), command)
                .with_context(|| format!("starting the worker for {provider}"))?;
            tracing::info!(%provider, "worker started");
            workers.supervisors.push(supervisor);
        }
        Ok(workers)
    }

    /// Waits until all of them have joined, so that the first request finds a worker.
    pub(super) async fn joined(&self, queries: &Queries) {
        let mut projected = queries.projected();
        let joined = async {
            loop {
                projected.borrow_and_update();
                let online = queries.database.read(online_providers).unwrap_or_default();
                let all = self.providers.iter().all(|wanted| online.contains(wanted));
                if all || projected.changed().await.is_err() {
                    break;
                }
            }
        };
        if tokio::time::timeout(JOINING, joined).await.is_err() {
            tracing::warn!("not every worker has joined yet: nexus node list");
        }
    }

    /// Ends all of them in good order.
    pub(super) async fn stop(self) {
        for supervisor in &self.supervisors {
            supervisor.ask_to_end();
        }
        let ending = tokio::task::spawn_blocking(move || {
            self.supervisors.into_iter().for_each(Supervisor::stop);
        });
        if let Err(error) = ending.await {
            tracing::error!(%error, "the workers could not be waited for");
        }
    }
}

impl WorkerChoice {
    /// The providers to start workers for, each once.
    pub(super) fn providers(&self) -> Vec<Provider> {
        let mut providers = match self {
            Self::These(providers) => providers.clone(),
            Self::Auto => automatic(),
        };
        providers.sort();
        providers.dedup();
        providers
    }
}

/// Processes everywhere, containers where an engine answers.
fn automatic() -> Vec<Provider> {
    let told = std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty());
    if told || UnixStream::connect(DOCKER_SOCKET).is_ok() {
        vec![Provider::Docker, Provider::Process]
    } else {
        vec![Provider::Process]
    }
}

/// Beside our own executable, or where `NEXUS_BIN_DIR` says.
fn program() -> anyhow::Result<PathBuf> {
    let folder = match std::env::var_os("NEXUS_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let own = std::env::current_exe().context("finding our own executable")?;
            own.parent()
                .context("our own executable has no folder")?
                .to_owned()
        }
    };
    let program = folder.join("nexus-worker");
    anyhow::ensure!(
        program.is_file(),
        "there is no nexus-worker in {}: build it, or start with --worker none",
        folder.display()
    );
    Ok(program)
}
