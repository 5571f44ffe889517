//! Serving connections: with limits on heads and time, until told to stop, and then to the end of
//! what is under way.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::{HangUp, Listeners, Peer};
use crate::alarm::Alarm;

/// The most connections at a time.
const MOST_CONNECTIONS: usize = 10_000;
/// How long a request's head may take, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest head, in bytes, and the most headers in it.
const MOST_HEAD: (usize, usize) = (16 * 1024, 64);
/// How long requests under way are given once told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// The pause after a failed accept: what fails (no file descriptor) does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listeners` until `shutdown`, then for up to ten seconds more what is under
/// way. Long-lived answers have to watch `shutdown` themselves.
pub async fn serve(router: Router, listeners: Listeners, shutdown: CancellationToken) {
    let server = Server {
        router,
        shutdown: shutdown.clone(),
        connections: TaskTracker::new(),
        room: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
    };
    let Listeners { network, local } = listeners;
    let over_network = async {
        let Some(listener) = network else { return };
        let accept = async || {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((stream, Peer::Network(address)))
        };
        server.accept_all(accept).await;
    };
    let over_socket = async {
        let Some(socket) = local else { return };
        server.accept_all(async || socket.accept().await).await;
    };
    tokio::join!(over_network, over_socket);
    server.connections.close();
    if tokio::time::timeout(GRACE, server.connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            left = server.connections.len(),
            "connections cut after the grace period"
        );
    }
}

struct Server {
    router: Router,
    shutdown: CancellationToken,
    connections: TaskTracker,
    room: Arc<Semaphore>,
}

impl Server {
    async fn accept_all<S, F>(&self, accept: impl Fn() -> F)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<(S, Peer)>>,
    {
        loop {
            let room = tokio::select! {
                () = self.shutdown.cancelled() => return,
                room = Arc::clone(&self.room).acquire_owned() => room,
            };
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.connection(stream, peer);
                    self.connections.spawn(async move {
                        connection.await;
                        drop(room);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection, which learns of the shutdown by itself.
    fn connection<S>(&self, stream: S, peer: Peer) -> impl Future<Output = ()> + Send + 'static
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hang_up = HangUp::default();
        let theirs = hang_up.clone();
        let service = self
            .router
            .clone()
            .map_request(move |request: hyper::Request<_>| {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(peer);
                request.extensions_mut().insert(theirs.clone());
                request
            });
        let connection = http1::Builder::new()
            .timer(Alarm::default())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(MOST_HEAD.0)
            .max_headers(MOST_HEAD.1)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let shutdown = self.shutdown.clone();
        async move {
            let mut connection = std::pin::pin!(connection);
            let served = async {
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = shutdown.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            };
            tokio::select! {
                ended = served => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                },
                () = hang_up.asked() => tracing::debug!("a connection is hung up on"),
            }
        }
    }
}
