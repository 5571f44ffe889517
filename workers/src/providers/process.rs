//! Machines as sandboxes of this host's own kernel: no daemon, no package, as root or not.
//!
//! ```text
//!   worker ──spawns──► nexus-init sandbox          in a session of its own: outlives the worker
//!                        ├─ namespaces             processes, mounts, host name, network, (users)
//!                        ├─ overlay                base tree below, `upper` on top
//!                        ├─ /home/dev              bound from `home`, which outlives the machine
//!                        └─ process 1              serves `run/init.sock`
//! ```
//!
//! * *What it is made of* is a directory per workspace ([`directory`]); nothing else is remembered,
//!   so any worker with the same folder finds every machine again.
//! * *Liveness* is a process number with its start time, never a number alone ([`pid`]).
//! * *Networks* are handed out per host, not per worker ([`network`]).
//! * *Isolation* is that of a container: right for your own code and a team's, not for strangers'.
//!   The virtual machine providers are for those.

mod base_tree;
mod cgroup;
mod config;
mod directory;
mod ensure;
mod failure;
mod home;
mod launch;
mod lock;
mod meta;
mod network;
mod observe;
mod pid;
mod probe;
mod program;
mod remove;
mod start;
mod stop;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_events::spec::{Capabilities, Provider as ProviderKind};
use nexus_init_protocol::sandbox::IdMode;

use self::base_tree::BaseTree;
use self::directory::Directory;
use self::failure::{at, blocking};
use self::meta::Meta;
use self::network::Network;
pub use self::network::{InvalidRange, Link, Range};
use self::probe::Probe;
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, Observation, OwnedMachine, Profile, Progress,
    Provider, ProviderError, Result,
};

/// Where this worker keeps its things, and what machines start from.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// The worker's folder: all there is of its workspaces, and its copy of init.
    pub folder: PathBuf,
    /// The nexus-init binary; statically linked.
    pub init: PathBuf,
    /// Which Nexus the machines belong to.
    pub instance: String,
    /// The tree new machines start from; a link to it is followed when a machine is made.
    pub base_tree: PathBuf,
    /// The addresses workspaces get as root; `None`: the first usual range that is free here.
    pub range: Option<Range>,
    /// Whether workspaces share the host's network although they could have their own.
    pub host_network: bool,
}

impl ProcessOptions {
    /// The usual base tree and network, or those that `NEXUS_BASE_TREE` and
    /// `NEXUS_PROCESS_NETWORK` (a private range such as `10.213.0.0/16`, or `host`) name.
    ///
    /// # Errors
    /// `NEXUS_PROCESS_NETWORK` is neither.
    pub fn new(
        folder: impl Into<PathBuf>,
        init: impl Into<PathBuf>,
        instance: &str,
    ) -> std::result::Result<Self, InvalidRange> {
        let network = std::env::var("NEXUS_PROCESS_NETWORK").unwrap_or_default();
        let range = match network.as_str() {
            "" | "host" => None,
            range => Some(range.parse()?),
        };
        Ok(Self {
            folder: folder.into(),
            init: init.into(),
            instance: instance.to_owned(),
            base_tree: BaseTree::usual_place(),
            range,
            host_network: network == "host",
        })
    }
}

/// The process provider.
#[derive(Debug)]
pub struct ProcessProvider {
    shared: Arc<Shared>,
}

/// What every call needs.
#[derive(Debug)]
struct Shared {
    options: ProcessOptions,
    /// The copy of init that machines are started with.
    init: PathBuf,
    probe: Probe,
    network: Network,
}

impl ProcessProvider {
    /// Makes the folder and puts a copy of init there. Whether sandboxes can be made is told by
    /// [`Provider::profile`].
    ///
    /// # Errors
    /// The folder cannot be made, or init cannot be read.
    pub fn new(options: ProcessOptions) -> std::io::Result<Self> {
        let mut options = options;
        std::fs::create_dir_all(options.folder.join("workspaces"))?;
        options.folder = options.folder.canonicalize()?;
        let init = crate::init::install(&options.init, &options.folder)?;
        let probe = Probe::new(init.clone());
        let network = Network::new(options.range);
        Ok(Self {
            shared: Arc::new(Shared {
                options,
                init,
                probe,
                network,
            }),
        })
    }

    fn directory(&self, workspace: WorkspaceId) -> Directory {
        Directory::of(&self.shared.options.folder, workspace)
    }
}

/// Carries a change to its end even when the caller stops waiting: half a start would be a sandbox
/// that nobody knows of.
async fn to_the_end<T: Send + 'static>(
    attempted: &'static str,
    change: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(change).await {
        Ok(answer) => answer,
        Err(error) => Err(ProviderError::new(
            ErrorClass::Unknown,
            attempted,
            error.to_string(),
        )),
    }
}

impl Provider for ProcessProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Process
    }

    async fn profile(&self) -> Result<Profile> {
        let found = self.shared.probe.capabilities().await?;
        let has = |capability: bool| found.is_some() && capability;
        let own_network = !self.shared.options.host_network;
        let capabilities = Capabilities {
            hard_memory_limit: has(found.is_some_and(|found| found.memory_limit)),
            own_network: own_network && found.is_some_and(|found| found.own_network),
            ..Capabilities::default()
        };
        let ids = match found.map(|found| found.ids) {
            Some(IdMode::Root) => "as root",
            Some(IdMode::Subordinate) => "with subordinate ids",
            Some(IdMode::Single) | None => "with one id",
        };
        let kernel = rustix::system::uname();
        let release = kernel.release().to_string_lossy();
        Ok(Profile {
            engine: format!("sandbox on Linux {release}, {ids}"),
            capabilities,
        })
    }

    async fn prepare_image(&self, spec: &MachineSpec, _progress: &Progress) -> Result<Image> {
        let directory = self.directory(spec.workspace);
        let found = Meta::read(&directory).map_err(at("reading", &directory.meta()))?;
        if let Some(meta) = found {
            return Ok(meta.image());
        }
        if let Some(image) = &spec.image
            && !base_tree::is_base(image.as_str())
        {
            return Err(base_tree::unknown_image(image.as_str()));
        }
        Ok(BaseTree::find(&self.shared.options.base_tree)?.image())
    }

    async fn ensure_machine(&self, spec: &MachineSpec, image: &Image) -> Result<Machine> {
        let (shared, spec, image) = (Arc::clone(&self.shared), spec.clone(), image.clone());
        blocking("making the machine", move || {
            let options = &shared.options;
            ensure::ensure(
                &options.folder,
                &options.instance,
                &options.base_tree,
                &spec,
                &image,
            )
        })
        .await
    }

    async fn start(&self, spec: &MachineSpec) -> Result<()> {
        let (shared, spec) = (Arc::clone(&self.shared), spec.clone());
        to_the_end(
            "starting",
            async move { start::start(&shared, &spec).await },
        )
        .await
    }

    async fn stop(&self, workspace: WorkspaceId, grace: Duration) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        to_the_end("stopping", async move {
            stop::stop(&shared, workspace, grace).await
        })
        .await
    }

    async fn delete(&self, workspace: WorkspaceId) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        to_the_end(
            "deleting",
            async move { stop::delete(&shared, workspace).await },
        )
        .await
    }

    async fn observe(&self, workspace: WorkspaceId) -> Result<Observation> {
        let directory = self.directory(workspace);
        blocking("looking at the machine", move || observe::one(&directory)).await
    }

    async fn list_owned(&self) -> Result<Vec<OwnedMachine>> {
        let folder = self.shared.options.folder.clone();
        blocking("listing machines", move || observe::all(&folder)).await
    }

    fn init_socket(&self, workspace: WorkspaceId) -> PathBuf {
        self.directory(workspace).socket()
    }
}
