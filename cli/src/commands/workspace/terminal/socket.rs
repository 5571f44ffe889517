//! The WebSocket to the gateway, over the unix socket of this machine or TCP.

use std::time::Duration;

use nexus_events::view::BINARY_PROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, http};

use crate::client::refusal;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::server::Server;

/// How long a connection and its greeting may take; starting the workspace comes after.
const PATIENCE: Duration = Duration::from_secs(20);
/// The server sends frames of at most 64 KiB.
const LONGEST_FRAME: usize = 1 << 20;

/// Whatever bytes go over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connected WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// Connects to `target`, a path with its query.
///
/// # Errors
/// The server cannot be reached, or refuses.
pub(super) async fn connect(server: &Server, what: &str, target: &str) -> Result<Socket> {
    let late = || {
        let why = format!("{server} did not answer in time");
        Error::new(Exit::Unreachable, what, why, "nexus doctor")
    };
    let connected = timeout(PATIENCE, greet(server, target)).await;
    connected
        .map_err(|_| late())?
        .map_err(|error| refused(server, what, target, error))
}

async fn greet(server: &Server, target: &str) -> std::result::Result<Socket, SocketError> {
    let origin = server.origin().replacen("http://", "ws://", 1);
    let uri: http::Uri = format!("{origin}{target}")
        .parse()
        .map_err(http::Error::from)?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(BINARY_PROTOCOL);
    let (request, wire): (_, Box<dyn Wire>) = match server {
        Server::Socket(path) => (request, Box::new(UnixStream::connect(path).await?)),
        Server::Address { origin, token } => {
            let authority = crate::stream::authority(origin);
            let stream = TcpStream::connect(authority).await?;
            stream.set_nodelay(true)?;
            let request = request.with_header("Authorization", format!("Bearer {token}"));
            (request, Box::new(stream))
        }
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_FRAME))
        .max_frame_size(Some(LONGEST_FRAME));
    let connected = tokio_tungstenite::client_async_with_config(request, wire, Some(limits)).await;
    connected.map(|(socket, _)| socket)
}

fn refused(server: &Server, what: &str, target: &str, error: SocketError) -> Error {
    match error {
        SocketError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            Error::refused(what, &refusal(response.status().as_u16(), path, body))
        }
        other => {
            let next = match server {
                Server::Socket(_) => "nexus daemon start",
                Server::Address { .. } => "nexus doctor",
            };
            let why = format!("{server} cannot be reached: {other}");
            Error::new(Exit::Unreachable, what, why, next)
        }
    }
}
