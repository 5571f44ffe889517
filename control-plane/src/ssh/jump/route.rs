//! Where a channel may lead: to SSH and the services of one's own workspaces, and nowhere else.

use nexus_events::view::WorkspaceView;
use nexus_init_protocol::{Client, ClientError, DialTarget, InitStream};
use russh::server::Msg;
use russh::{Channel, ChannelOpenFailure};

use super::welcome::Login;
use crate::app::App;
use crate::chain;
use crate::queries::WorkspaceRef;

/// The port that means a workspace's SSH server, wherever that listens.
const SSH: u16 = 22;
/// Bytes carried at a time.
const PIECE: usize = 64 << 10;

/// A stream to `host:port`; a workspace that does not run is started first.
///
/// # Errors
/// What the client is told; of what is somebody else's, the same as of what is not there.
pub(super) async fn open(
    app: &App,
    login: &Login,
    host: &str,
    port: u32,
) -> Result<InitStream, ChannelOpenFailure> {
    const NOT_YOURS: ChannelOpenFailure = ChannelOpenFailure::AdministrativelyProhibited;
    let name = host.strip_suffix(".nexus").unwrap_or(host);
    let reference: WorkspaceRef = name.parse().map_err(|_| NOT_YOURS)?;
    let port = u16::try_from(port).map_err(|_| NOT_YOURS)?;
    let identity = login.identity();
    let view = app.queries().workspace(&identity, &reference);
    let view = view.map_err(|_| NOT_YOURS)?;
    if !login.opens(view.id) || !leads_to(&view, port) {
        return Err(NOT_YOURS);
    }
    let reference = WorkspaceRef::Id(view.id);
    let awake = app.gateway().awake(&identity, &reference, |_| ()).await;
    let (view, client) = awake.map_err(|error| failed(&error))?;
    let opened = connect(&client, port).await;
    opened.map_err(|error| failed(&crate::gateway::ReachError::init(&view, error)))
}

fn leads_to(view: &WorkspaceView, port: u16) -> bool {
    let mut services = view.services.values().filter_map(|service| service.port);
    port == SSH || services.any(|service| service == port)
}

async fn connect(client: &Client, port: u16) -> Result<InitStream, ClientError> {
    match port {
        SSH => client.ssh().await,
        port => client.dial(&DialTarget::Port(port)).await,
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> ChannelOpenFailure {
    let cause = chain::text(error);
    tracing::info!(cause, "a channel of the jump host leads nowhere");
    ChannelOpenFailure::ConnectFailed
}

/// Carries bytes both ways until both ends are done.
pub(super) async fn carry(mut stream: InitStream, channel: Channel<Msg>) {
    let mut channel = channel.into_stream();
    let carried =
        tokio::io::copy_bidirectional_with_sizes(&mut stream, &mut channel, PIECE, PIECE).await;
    if let Err(error) = carried {
        tracing::debug!(%error, "a channel of the jump host broke off");
    }
}
