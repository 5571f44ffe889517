//! Serving: listen, answer, reap, and come to an orderly end.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nexus_init_protocol::socket::SocketAddress;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::connection;
use crate::shutdown;
use crate::workspace::Workspace;

/// From TERM to KILL when init itself gets a TERM; engines give ten seconds before they kill.
const TERM_GRACE: Duration = Duration::from_secs(8);

/// How long init waits for its last answer to be taken.
const FAREWELL: Duration = Duration::from_millis(500);

/// What serving needs.
#[derive(Debug)]
pub(crate) struct ServeOptions {
    pub(crate) state: PathBuf,
    pub(crate) listener: StdListener,
}

/// Makes the socket, replacing what an earlier life left there. It belongs to the owner of its
/// directory, which is how a worker without root reaches an init that is root.
pub(crate) fn bind(path: &Path) -> io::Result<StdListener> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let address = SocketAddress::new(path)?;
    let listener = StdListener::bind(address.path())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    if let Some(directory) = path.parent() {
        let owner = std::fs::metadata(directory)?;
        // Without the right to hand it over it stays ours, which is the owner of the directory too.
        let _kept = chown(path, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(listener)
}

/// Serves until somebody asks for the end. `ready` is called once init listens and can answer.
pub(crate) fn run(
    options: ServeOptions,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .context("starting the runtime")?;
    runtime.block_on(serve(options, ready))
}

async fn serve(
    options: ServeOptions,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    adopt_orphans();
    crate::process::descriptors::raise_limit();
    let workspace = Workspace::open(&options.state)
        .with_context(|| format!("opening the state in {}", options.state.display()))?;
    options
        .listener
        .set_nonblocking(true)
        .context("preparing the socket")?;
    let listener = UnixListener::from_std(options.listener).context("preparing the socket")?;
    let reaping = tokio::spawn(workspace.reaper.clone().run());
    forward_termination(workspace.clone())?;
    tokio::spawn(crate::activity::work::watch(workspace.clone()));
    ready()?;
    tokio::select! {
        () = accept(&workspace, listener) => {}
        ended = reaping => ended.context("reaping ended")?.context("waiting for children")?,
        grace = workspace.stop_requested() => {
            shutdown::shut_down(&workspace, grace).await;
            workspace.bid_farewell(FAREWELL).await;
        }
    }
    Ok(())
}

/// As process 1 orphans come to us anyway; as any other process only when we ask for them.
fn adopt_orphans() {
    let this_process = rustix::process::getpid();
    if let Err(error) = rustix::process::set_child_subreaper(Some(this_process)) {
        tracing::warn!(%error, "orphans of this workspace will not be found");
    }
}

fn forward_termination(workspace: Arc<Workspace>) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate()).context("listening for TERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for INT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        workspace.request_stop(TERM_GRACE);
    });
    Ok(())
}

async fn accept(workspace: &Arc<Workspace>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::converse(workspace.clone(), stream));
            }
            Err(error) => {
                // Out of descriptors: those that end soon make room.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
