//! The ports of this node that lead into workspaces: TCP listeners owned by the worker.
//!
//! No machine publishes a port: a connection accepted here is handed over to init, which reaches
//! services that listen on loopback, too, and has it from then on without the worker. The bind is
//! the arbiter of who has a port, whatever a claim in the log says; a port that is taken by
//! something else is an error for the workspace's own SSH port, which then gets another
//! (`runtime::ssh_port`), and passed over for a service.
//!
//! A workspace keeps its ports until it is deleted: whoever connects to a stopped one wakes it.

mod accept;
mod arrival;
mod door;
mod forward;
mod waiting;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_events::id::WorkspaceId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::waiting::Waiting;

pub use self::door::{Coming, Door, SocketDoor};
pub use self::forward::Target;

/// Ports that services are given.
pub const SERVICE_PORTS: RangeInclusive<u16> = 23_000..=23_999;

/// All ports this worker listens on. Clones share them.
#[derive(Debug, Clone)]
pub struct Ports {
    bind: IpAddr,
    services: RangeInclusive<u16>,
    open: Arc<Mutex<HashMap<WorkspaceId, Owned>>>,
}

/// The ports of one workspace.
#[derive(Debug, Default)]
struct Owned {
    opened: HashMap<Target, Opened>,
    waiting: Waiting,
}

#[derive(Debug)]
struct Opened {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Ports {
    /// Listening on `bind`, with the usual ports for services.
    pub fn new(bind: IpAddr) -> Self {
        Self::with_services(bind, SERVICE_PORTS)
    }

    /// Listening on `bind`, with these ports for services.
    pub fn with_services(bind: IpAddr, services: RangeInclusive<u16>) -> Self {
        Self {
            bind,
            services,
            open: Arc::default(),
        }
    }

    /// Has `port` lead to the workspace's SSH server, through `door`, and no other port.
    ///
    /// # Errors
    /// Something else listens there.
    pub async fn open_ssh(
        &self,
        workspace: WorkspaceId,
        door: Arc<dyn Door>,
        port: u16,
    ) -> io::Result<u16> {
        if self.port_of(workspace, Target::Ssh) == Some(port) {
            return Ok(port);
        }
        let listener = TcpListener::bind((self.bind, port)).await?;
        self.serve(workspace, Target::Ssh, door, listener)
    }

    /// Has a port lead to `inside`: the one it had before (`wanted`) when that is free, else any
    /// free one of the range.
    ///
    /// # Errors
    /// No port of the range is free.
    pub async fn open_service(
        &self,
        workspace: WorkspaceId,
        door: Arc<dyn Door>,
        inside: u16,
        wanted: Option<u16>,
    ) -> io::Result<u16> {
        let target = Target::Port(inside);
        if let Some(open) = self.port_of(workspace, target) {
            return Ok(open);
        }
        for port in wanted.into_iter().chain(self.candidates(workspace, inside)) {
            match TcpListener::bind((self.bind, port)).await {
                Ok(listener) => return self.serve(workspace, target, door, listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        let (first, last) = (self.services.start(), self.services.end());
        let cause = format!("no port from {first} to {last} is free");
        Err(io::Error::new(io::ErrorKind::AddrInUse, cause))
    }

    /// The port that leads to `target`, if one does.
    pub fn port_of(&self, workspace: WorkspaceId, target: Target) -> Option<u16> {
        self.lock()
            .get(&workspace)?
            .opened
            .get(&target)
            .map(|opened| opened.port)
    }

    /// Stops listening for the workspace; what init has taken goes on.
    pub fn close(&self, workspace: WorkspaceId) {
        self.lock().remove(&workspace);
    }

    /// The whole range, from a place that differs by workspace, so that a service mostly gets the
    /// same port again and two workers mostly do not try the same ones.
    fn candidates(&self, workspace: WorkspaceId, inside: u16) -> impl Iterator<Item = u16> {
        let (first, last) = (
            u32::from(*self.services.start()),
            u32::from(*self.services.end()),
        );
        let many = last - first + 1;
        let mixed = (workspace.uuid().as_u128() % 1_000_003) as u32 + u32::from(inside);
        (0..many).filter_map(move |step| u16::try_from(first + (mixed + step) % many).ok())
    }

    fn serve(
        &self,
        workspace: WorkspaceId,
        target: Target,
        door: Arc<dyn Door>,
        listener: TcpListener,
    ) -> io::Result<u16> {
        let port = listener.local_addr()?.port();
        let mut open = self.lock();
        let owned = open.entry(workspace).or_default();
        let accepting = accept::accept(listener, door, target, owned.waiting.clone());
        let accepting = tokio::spawn(accepting);
        owned.opened.insert(target, Opened { port, accepting });
        Ok(port)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkspaceId, Owned>> {
        // Every change is a single insert or remove, so a panic elsewhere leaves nothing torn.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
