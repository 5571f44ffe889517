//! Having a machine stopped, and having it gone.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_init_protocol::Client;

use super::Shared;
use super::cgroup;
use super::directory::Directory;
use super::failure::{at, blocking, from_io};
use super::lock::Lock;
use super::remove::{remove_machine, remove_with_ids};
use super::start::{give_back, running};
use crate::provider::{ErrorClass, ProviderError, Result};

/// On top of the grace: what init itself needs to end and say so.
const FAREWELL: Duration = Duration::from_secs(2);

/// From KILL to the end of everything inside.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Asks init to end everything, and kills it when it does not in time.
pub(super) async fn stop(shared: &Shared, workspace: WorkspaceId, grace: Duration) -> Result<()> {
    let directory = Directory::of(&shared.options.folder, workspace);
    let Some(_lock) = lock(&directory).await? else {
        return Ok(());
    };
    end(&directory, Some(grace)).await?;
    leave(shared, &directory).await
}

/// Ends it without asking, and removes all that is left of it.
pub(super) async fn delete(shared: &Shared, workspace: WorkspaceId) -> Result<()> {
    let directory = Directory::of(&shared.options.folder, workspace);
    let aside = directory.while_deleted();
    if let Some(_lock) = lock(&directory).await? {
        end(&directory, None).await?;
        leave(shared, &directory).await?;
        remove(shared, aside.clone()).await?;
        std::fs::rename(directory.path(), &aside).map_err(at("removing", directory.path()))?;
    }
    remove(shared, aside).await
}

/// What the host kept for it while it ran.
async fn leave(shared: &Shared, directory: &Directory) -> Result<()> {
    give_back(shared, directory).await?;
    let name = directory.name();
    blocking("removing control groups", move || {
        cgroup::remove(&name).map_err(|error| from_io("removing control groups", error))
    })
    .await
}

/// `None` when there is no machine at all.
async fn lock(directory: &Directory) -> Result<Option<Lock>> {
    let directory = directory.clone();
    blocking("locking the machine", move || {
        match Lock::take(&directory.lock()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            answer => answer.map(Some).map_err(at("locking", directory.path())),
        }
    })
    .await
}

async fn end(directory: &Directory, grace: Option<Duration>) -> Result<()> {
    let running = running(directory)?;
    let ever_started = directory.ready().exists();
    if ever_started && !directory.was_stopped() {
        directory
            .mark_stopped()
            .map_err(at("marking", directory.path()))?;
    }
    let Some(process) = running else {
        return Ok(());
    };
    let failed = |error: io::Error| from_io("ending the sandbox's process", error);
    if let Some(grace) = grace {
        ask(directory, grace).await;
    }
    process.kill().map_err(failed)?;
    match process.ended_within(KILL_LIMIT).await.map_err(failed)? {
        true => Ok(()),
        false => Err(ProviderError::new(
            ErrorClass::Unknown,
            "ending the sandbox's process",
            format!("it is there {} s after it was killed", KILL_LIMIT.as_secs()),
        )),
    }
}

/// Init ends everything inside within the grace. One that does not answer is killed all the same.
async fn ask(directory: &Directory, grace: Duration) {
    let asking = async { Client::connect(directory.socket()).await?.stop(grace).await };
    match tokio::time::timeout(grace + FAREWELL, asking).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "init did not stop when asked; it is killed"),
        Err(_) => tracing::warn!("init did not stop within its grace; it is killed"),
    }
}

async fn remove(shared: &Shared, path: PathBuf) -> Result<()> {
    let init = shared.init.clone();
    blocking("removing the machine", move || {
        match remove_machine(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                remove_with_ids(&init, &path).map_err(at("removing", &path))
            }
            answer => answer.map_err(at("removing", &path)),
        }
    })
    .await
}
