//! Machines as Docker containers: any engine from API 1.41 (Docker 20.10) on, over its socket.
//!
//! ```text
//!   container  ws-…                      labels: workspace, operation, epoch, instance
//!    ├─ entry point  nexus-init serve    bound read-only from the worker's own copy
//!    ├─ /run/nexus/init.sock             bound from the worker's folder of this workspace
//!    ├─ /.nexus/source                   read-only, when the repository is one of this host
//!    └─ home         volume workspace-<name>-home
//! ```
//!
//! * *No port is published*: everything inside is reached through init, so nothing has to be known
//!   when the container is made, and services that listen on loopback are reached too.
//! * *Rights*: all capabilities are dropped but the few that a user with `sudo` in a container
//!   needs (`container`); never privileged. `no-new-privileges` is not set, since it would take
//!   `sudo` from the user the base image promises it to.
//! * *Volumes* share one name space per engine, while workspace names are unique per owner: the
//!   second workspace of a name has its id in the volume's name. The label tells whose it is.
//! * *Events of the engine are not read*: a machine that ends closes its socket, which the runtime
//!   notices at once and for every provider alike; then [`Provider::observe`] tells how it ended.
//!
//! What the engine does that surprises: creating takes the name before the container is whole, so
//! after any failure the name is looked up again; a started container whose start failed stays
//! `created` with an error in its state; `stop` answers after the grace, so it has a time-out of
//! its own.

mod client;
mod container;
mod error;
mod image;
mod observe;
pub(super) mod source;
mod volume;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{RemoveContainerOptionsBuilder, StopContainerOptionsBuilder};
use nexus_events::id::WorkspaceId;
use nexus_events::name::ImageName;
use nexus_events::spec::{Capabilities, Provider as ProviderKind};

use self::client::Engine;
use self::error::{engine_error, is_absent};
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, Observation, OwnedMachine, Profile, Progress,
    Provider, ProviderError, Result, machine_name,
};

/// Where the base image is known as.
pub const BASE_IMAGE: &str = "nexus/base:latest";

/// How to reach the engine, and where this worker keeps its things.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// The engine's socket.
    pub socket: PathBuf,
    /// The worker's folder: sockets of the workspaces, and its copy of init. The engine has to see
    /// it under the same path.
    pub folder: PathBuf,
    /// The nexus-init binary to put into workspaces; statically linked.
    pub init: PathBuf,
    /// Which Nexus the machines belong to, so that two on one engine leave each other's alone.
    pub instance: String,
    /// What a workspace starts from that names no image.
    pub base_image: ImageName,
}

impl DockerOptions {
    /// The engine at its usual place (or where `DOCKER_HOST=unix://…` says).
    pub fn new(folder: impl Into<PathBuf>, init: impl Into<PathBuf>, instance: &str) -> Self {
        let named = std::env::var("DOCKER_HOST").ok();
        let socket = named
            .as_deref()
            .and_then(|host| host.strip_prefix("unix://"));
        Self {
            socket: socket.unwrap_or("/var/run/docker.sock").into(),
            folder: folder.into(),
            init: init.into(),
            instance: instance.to_owned(),
            base_image: BASE_IMAGE
                .parse()
                .expect("a literal that keeps the rule of image names"),
        }
    }
}

/// The Docker provider.
#[derive(Debug)]
pub struct DockerProvider {
    options: DockerOptions,
    engine: Engine,
    /// The copy of init that new containers are bound to.
    init: PathBuf,
}

impl DockerProvider {
    /// Makes the folder and puts a copy of init there. The engine need not run yet.
    ///
    /// # Errors
    /// The folder cannot be made, or init cannot be read.
    pub fn new(options: DockerOptions) -> std::io::Result<Self> {
        std::fs::create_dir_all(options.folder.join("workspaces"))?;
        let init = crate::init::install(&options.init, &options.folder)?;
        let engine = Engine::at(&options.socket);
        Ok(Self {
            options,
            engine,
            init,
        })
    }

    async fn engine(&self) -> Result<&Docker> {
        self.engine.connect().await
    }

    /// What this host shares with the workspace's machine.
    fn workspace_folder(&self, workspace: WorkspaceId) -> PathBuf {
        self.options
            .folder
            .join("workspaces")
            .join(workspace.to_string())
    }

    fn socket_folder(&self, workspace: WorkspaceId) -> PathBuf {
        self.workspace_folder(workspace).join("run")
    }
}

impl Provider for DockerProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Docker
    }

    async fn profile(&self) -> Result<Profile> {
        let version = self.engine.version().await?;
        let capabilities = Capabilities {
            hard_memory_limit: true,
            own_network: true,
            ..Capabilities::default()
        };
        Ok(Profile {
            engine: format!("docker {version}"),
            capabilities,
        })
    }

    async fn prepare_image(&self, spec: &MachineSpec, progress: &Progress) -> Result<Image> {
        let name = spec.image.as_ref().unwrap_or(&self.options.base_image);
        let engine = self.engine().await?;
        match container::find(engine, spec, &self.options.instance).await? {
            Some(found) => Ok(found.image),
            None => image::prepare(engine, name, progress).await,
        }
    }

    async fn ensure_machine(&self, spec: &MachineSpec, image: &Image) -> Result<Machine> {
        container::ensure(self, spec, image).await
    }

    async fn start(&self, spec: &MachineSpec) -> Result<()> {
        let name = machine_name(spec.workspace);
        let engine = self.engine().await?;
        // The engine refuses to start a container whose folder is gone.
        make_folder(&self.socket_folder(spec.workspace))?;
        let started = engine.start_container(&name, None).await;
        started.map_err(|error| engine_error(format!("starting container {name}"), error))
    }

    async fn stop(&self, workspace: WorkspaceId, grace: Duration) -> Result<()> {
        let name = machine_name(workspace);
        let engine = self
            .engine()
            .await?
            .clone()
            .with_timeout(grace + Duration::from_secs(15));
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        match engine.stop_container(&name, Some(options)).await {
            Err(error) if is_absent(&error) => Ok(()),
            answer => {
                answer.map_err(|error| engine_error(format!("stopping container {name}"), error))
            }
        }
    }

    async fn delete(&self, workspace: WorkspaceId) -> Result<()> {
        let name = machine_name(workspace);
        let engine = self.engine().await?;
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        match engine.remove_container(&name, Some(options)).await {
            Err(error) if is_absent(&error) => {}
            answer => {
                answer.map_err(|error| engine_error(format!("removing container {name}"), error))?
            }
        }
        volume::remove_all(engine, workspace).await?;
        source::remove_folder(self.workspace_folder(workspace)).await
    }

    async fn observe(&self, workspace: WorkspaceId) -> Result<Observation> {
        observe::one(self.engine().await?, workspace).await
    }

    async fn list_owned(&self) -> Result<Vec<OwnedMachine>> {
        observe::all(self.engine().await?, &self.options.instance).await
    }

    fn init_socket(&self, workspace: WorkspaceId) -> PathBuf {
        self.socket_folder(workspace).join("init.sock")
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let attempted = format!("making the folder {}", folder.display());
        ProviderError::new(ErrorClass::Auth, attempted, error.to_string())
            .with_hint("give the worker's user the right to write there")
    })
}
