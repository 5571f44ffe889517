//! `nexus port forward`: ports of a workspace, here, until Ctrl-C.
//!
//! Each connection is a stream of its own, opened when somebody connects; the first one wakes a
//! stopped workspace. Nothing is left behind: listeners and connections end with the process.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_events::view::WorkspaceView;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::inside;
use super::mapping::mapping;
use crate::args::port::Forward;
use crate::client::{Client, Request, workspace_path};
use crate::commands::workspace::find;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::out;
use crate::reference;
use crate::render::Show;
use crate::screen::Screen;
use crate::server::Server;
use crate::stream::{self, Way};

/// Connections open at once; a pair of threads each.
const MOST_CONNECTIONS: usize = 512;
/// How often the server is told that the workspace is in use, when it is.
const TELL: Duration = Duration::from_secs(60);

/// What every connection is given.
struct Shared {
    server: Server,
    workspace: WorkspaceView,
    places: Arc<Semaphore>,
    moved: AtomicU64,
    quiet: bool,
}

/// A port that is forwarded.
#[derive(Debug, Clone, Serialize)]
struct Forwarded {
    local: SocketAddr,
    port: u16,
    workspace: String,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllForwarded(Vec<Forwarded>);

pub(super) async fn run(context: &Context, arguments: &Forward) -> Result<Exit> {
    let client = context.client()?;
    let workspace = find(&client, reference::workspace(&arguments.name)?, None).await?;
    let mut listeners = Vec::new();
    for text in &arguments.ports {
        let wanted = mapping(text)?;
        let port = inside(&workspace, wanted.remote)?;
        let local = SocketAddr::new(arguments.bind, wanted.local.unwrap_or(port));
        listeners.push((listen(&workspace, local, port).await?, port));
    }
    warn_of_neighbours(context, arguments.bind);
    context.show(&AllForwarded(forwarded(&workspace, &listeners)?))?;
    context.say("Ctrl-C ends it");
    let shared = Arc::new(Shared {
        server: context.server()?,
        workspace,
        places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
        moved: AtomicU64::new(0),
        quiet: context.is_quiet(),
    });
    for (listener, port) in listeners {
        tokio::spawn(accept(shared.clone(), listener, port));
    }
    tokio::select! {
        () = tell_of_use(&client, &shared) => Ok(Exit::Ok),
        ended = tokio::signal::ctrl_c() => ended
            .map(|()| Exit::Ok)
            .map_err(|error| Error::new(Exit::Failure, "listen for signals", error, "try again")),
    }
}

async fn listen(workspace: &WorkspaceView, local: SocketAddr, port: u16) -> Result<TcpListener> {
    TcpListener::bind(local).await.map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::AddrInUse => Exit::Conflict,
            _ => Exit::Failure,
        };
        let next = format!("nexus port forward {} 0:{port}", workspace.name);
        Error::new(exit, format!("listen on {local}"), error, next)
    })
}

fn forwarded(
    workspace: &WorkspaceView,
    listeners: &[(TcpListener, u16)],
) -> Result<Vec<Forwarded>> {
    let described = listeners.iter().map(|(listener, port)| {
        Ok(Forwarded {
            local: listener.local_addr()?,
            port: *port,
            workspace: workspace.name.to_string(),
        })
    });
    described
        .collect::<std::io::Result<_>>()
        .map_err(|error| Error::new(Exit::Failure, "listen", error, "try again"))
}

fn warn_of_neighbours(context: &Context, bind: IpAddr) {
    if !bind.is_loopback() {
        context.say(&format!(
            "whoever reaches {bind} reaches the workspace; the usual address is 127.0.0.1"
        ));
    }
}

/// Takes connections for ever. One that fails is that connection's end only.
async fn accept(shared: Arc<Shared>, listener: TcpListener, port: u16) {
    loop {
        // Waiting here leaves further clients in the kernel's queue.
        let Ok(place) = shared.places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((local, _)) => {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    connection(&shared, local, port);
                    drop(place);
                });
            }
            // Out of descriptors, or the client is gone: neither is helped by hurry.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn connection(shared: &Shared, local: tokio::net::TcpStream, port: u16) {
    let ended = local
        .into_std()
        .and_then(|local| local.set_nonblocking(false).map(|()| local));
    let Ok(local) = ended else {
        return;
    };
    // A client that vanished must not keep its threads for ever.
    let _ = rustix::net::sockopt::set_socket_keepalive(&local, true);
    let _ = local.set_nodelay(true);
    let workspace = &shared.workspace;
    let what = format!("reach port {port} of workspace {}", workspace.name);
    let path = workspace_path(&workspace.id.to_string(), &format!("/ports/{port}"));
    match stream::open(&shared.server, &what, &path) {
        Ok(stream) => {
            let seen_by_server = AtomicU64::new(0);
            let meter = match stream.way {
                Way::Direct => &shared.moved,
                Way::Server => &seen_by_server,
            };
            // How a connection ends is between its two ends.
            let _ = stream::to_socket(&stream, &local, meter);
        }
        Err(error) => {
            refuse(&local);
            if !shared.quiet {
                out::complain(&error);
            }
        }
    }
}

/// Resets the connection: an end without an answer would look like an empty answer.
fn refuse(local: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(local, Some(Duration::ZERO));
}

/// Bytes that nobody else sees keep the workspace from being stopped when idle.
async fn tell_of_use(client: &Client, shared: &Shared) {
    let id = shared.workspace.id.to_string();
    let mut told = 0;
    loop {
        tokio::time::sleep(TELL).await;
        let moved = shared.moved.load(Ordering::Relaxed);
        if moved != told {
            let request = Request::post("tell of use", workspace_path(&id, "/activity"))
                .json(&serde_json::json!({"source": "preview"}));
            // Told again in a minute; the connections themselves are not worse for it.
            if client.perform(&request).await.is_ok() {
                told = moved;
            }
        }
    }
}

impl Show for AllForwarded {
    fn table(&self, _screen: &Screen) -> String {
        let lines = self
            .0
            .iter()
            .map(|one| format!("{} is port {} of {}\n", one.local, one.port, one.workspace));
        lines.collect()
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.local.to_string()).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.0.iter().map(serde_json::to_string).collect()
    }
}
