//! Having a machine running.

use nexus_init_protocol::sandbox::{IdMode, ProbedNetwork, SandboxNetwork};

use super::Shared;
use super::config;
use super::directory::Directory;
use super::failure::{at, blocking, from_io};
use super::home;
use super::launch::launch;
use super::lock::Lock;
use super::meta::Meta;
use super::network::{SLIRP_RESOLVER, host_resolver, is_possible, link_name};
use super::pid::InitProcess;
use crate::provider::{ErrorClass, MachineSpec, ProviderError, Result};

/// Starts init unless it runs.
pub(super) async fn start(shared: &Shared, spec: &MachineSpec) -> Result<()> {
    let directory = Directory::of(&shared.options.folder, spec.workspace);
    let locked = directory.clone();
    let lock = blocking("locking the machine", move || {
        Lock::take(&locked.lock()).map_err(at("locking", locked.path()))
    });
    let _lock = lock.await?;
    let meta = Meta::read(&directory).map_err(at("reading", &directory.meta()))?;
    let meta = meta.ok_or_else(|| absent(spec))?;
    if running(&directory)?.is_some() {
        return Ok(());
    }
    directory
        .forget_last_life()
        .map_err(at("preparing", directory.path()))?;
    prepare(shared, &directory, &meta, spec).await?;
    match launch(&shared.init, &directory).await {
        Ok(ready) => {
            let (process, elapsed_us) = (ready.process_id, ready.elapsed_us);
            tracing::info!(workspace = %spec.workspace, process, elapsed_us, "the sandbox is ready");
            if ready.capabilities.ids == IdMode::Subordinate {
                give_home_away(&directory, &meta).await;
            }
            Ok(())
        }
        Err(error) => {
            give_back(shared, &directory).await?;
            Err(error)
        }
    }
}

/// Set-up does it too; until then the user could not write there.
async fn give_home_away(directory: &Directory, meta: &Meta) {
    if let Err(error) = home::hand_over_inside(directory, meta).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, workspace = %meta.workspace, "home still belongs to root");
    }
}

/// The process that is the machine now.
pub(super) fn running(directory: &Directory) -> Result<Option<InitProcess>> {
    let ready = directory
        .last_process()
        .map_err(at("reading", &directory.ready()))?;
    let process = ready.map_or(Ok(None), |ready| InitProcess::find(&ready));
    process.map_err(|error| from_io("looking for the sandbox's process", error))
}

/// Gives the network back that the machine had.
pub(super) async fn give_back(shared: &Shared, directory: &Directory) -> Result<()> {
    let (network, holder) = (shared.network.clone(), directory.path().to_owned());
    blocking("giving the workspace's network back", move || {
        network.leave(&holder)
    })
    .await
}

async fn prepare(
    shared: &Shared,
    directory: &Directory,
    meta: &Meta,
    spec: &MachineSpec,
) -> Result<()> {
    let probe = shared.probe.answer().await?;
    let ids = probe
        .capabilities
        .as_ref()
        .map_or(IdMode::Single, |found| found.ids);
    let best = probe.network.unwrap_or(ProbedNetwork::Host);
    let best = if shared.options.host_network {
        ProbedNetwork::Host
    } else {
        best
    };
    let network = shared.network.clone();
    let (directory, meta, spec) = (directory.clone(), meta.clone(), spec.clone());
    blocking("preparing the sandbox", move || {
        let (network, resolver) = match (best, host_resolver(true)) {
            (ProbedNetwork::Veth, Some(resolver)) if is_possible() => {
                let link = network.join(directory.path())?;
                (veth(link), Some(resolver))
            }
            (ProbedNetwork::Slirp4netns, _) => {
                (SandboxNetwork::Slirp4netns, Some(SLIRP_RESOLVER.to_owned()))
            }
            (ProbedNetwork::Veth | ProbedNetwork::Host, _) => {
                (SandboxNetwork::Host, host_resolver(false))
            }
        };
        config::write(&directory, &meta, &spec, ids, network, resolver)
            .map_err(at("configuring", directory.path()))
            .map(drop)
    })
    .await
}

fn veth(link: super::network::Link) -> SandboxNetwork {
    SandboxNetwork::Veth {
        interface: link_name(link.host),
        host: link.host,
        workspace: link.workspace,
    }
}

fn absent(spec: &MachineSpec) -> ProviderError {
    let attempted = format!("starting machine {}", spec.workspace);
    ProviderError::new(
        ErrorClass::Absent,
        attempted,
        "there is no such machine here",
    )
}
