//! Connections that become bare bytes: `Upgrade: nexus.stream.v1`.
//!
//! ```text
//!  client ◄─ bytes ─► nexusd ◄─ bytes ─► init          anywhere
//!  client ◄────────── descriptor ──────► init          over the local socket, asked for
//! ```
//!
//! A descriptor that was handed out cannot be taken back, so it is given only to whoever cannot be
//! shown out either: the operator. Everybody else's bytes pass by here and stop within a second of
//! their token counting no more.

mod descriptor;

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, HeaderValue, UPGRADE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use nexus_events::id::WorkspaceId;
use nexus_events::problem::ProblemCode;
use nexus_events::view::{DESCRIPTOR_HEADER, STREAM_PROTOCOL, WorkspaceView};
use nexus_init_protocol::{Client, ClientError, DialTarget, InitStream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional_with_sizes};

use super::Api;
use super::error::{Answer, Refusal};
use super::listen::Peer;
use super::sockets::Room;
use super::standing::Standing;
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

/// How long a start may hold up the answer's head; whoever cannot wait starts it first.
const AWAKE: Duration = Duration::from_secs(70);

/// Bytes copied at a time, in each direction.
const BUFFER: usize = 64 * 1024;

/// The byte that says that bytes follow after all.
const NO_DESCRIPTOR: u8 = 0;

/// A request for bytes.
#[derive(Debug)]
pub(crate) struct Asked {
    upgrade: OnUpgrade,
    says_descriptor: bool,
    /// Whether a descriptor can be given.
    pub(crate) wants_descriptor: bool,
}

/// Where the bytes go.
#[derive(Debug)]
pub(crate) enum Way {
    /// Through here.
    Bytes(InitStream),
    /// To whoever asked.
    Descriptor(std::os::fd::OwnedFd),
}

impl Asked {
    /// Takes the upgrade out of a request.
    ///
    /// # Errors
    /// When none to this protocol is asked for.
    pub(crate) fn of(mut request: Request, identity: &Identity) -> Result<Self, Refusal> {
        let wanted = is(request.headers(), UPGRADE.as_str(), STREAM_PROTOCOL);
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let Some(upgrade) = upgrade.filter(|_| wanted) else {
            let cause = "this route answers by bare bytes alone";
            let hint = "send `Connection: Upgrade` and `Upgrade: nexus.stream.v1` over HTTP/1.1";
            let refusal = Refusal::new(ProblemCode::MalformedRequest, cause, hint);
            return Err(refusal.naming("Upgrade", cause));
        };
        let local = matches!(request.extensions().get(), Some(Peer::Local { .. }));
        let says_descriptor = local && is(request.headers(), DESCRIPTOR_HEADER, "yes");
        Ok(Self {
            upgrade,
            says_descriptor,
            wants_descriptor: says_descriptor && matches!(identity, Identity::Operator),
        })
    }
}

fn is(headers: &HeaderMap, name: &str, wanted: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim().eq_ignore_ascii_case(wanted))
}

impl Way {
    /// To the SSH server. Init's own connection is the stream, so it can be given away itself.
    pub(crate) async fn ssh(client: &Client, descriptor: bool) -> Result<Self, ClientError> {
        let stream = client.ssh().await?;
        Ok(match (descriptor, stream) {
            (true, InitStream::Unix(stream)) => Self::given(stream)?,
            (_, stream) => Self::Bytes(stream),
        })
    }

    /// To something that listens inside.
    pub(crate) async fn dial(
        client: &Client,
        target: &DialTarget,
        descriptor: bool,
    ) -> Result<Self, ClientError> {
        if descriptor {
            match client.dial_socket(target).await {
                Err(ClientError::NotShared { .. } | ClientError::TooOld { .. }) => {}
                socket => return Ok(Self::Descriptor(socket?)),
            }
        }
        Ok(Self::Bytes(client.dial(target).await?))
    }

    fn given(stream: tokio::net::UnixStream) -> Result<Self, ClientError> {
        let stream = stream.into_std().and_then(|stream| {
            // Whoever gets it expects a socket as sockets are made.
            stream.set_nonblocking(false)?;
            Ok(stream)
        });
        let stream = stream.map_err(|source| ClientError::Descriptor {
            attempted: "giving a connection away",
            source,
        })?;
        Ok(Self::Descriptor(stream.into()))
    }
}

/// Wakes the workspace, for as long as an answer may take.
///
/// # Errors
/// When it does not come up, or takes longer.
pub(crate) async fn awake(
    api: &Api,
    identity: &Identity,
    workspace: WorkspaceId,
) -> Result<(WorkspaceView, Client), Refusal> {
    let workspace = WorkspaceRef::Id(workspace);
    let awake = api.app().gateway().awake(identity, &workspace, |_| {});
    match tokio::time::timeout(AWAKE, awake).await {
        Ok(awake) => Ok(awake?),
        Err(_) => {
            let detail = format!("the workspace is not up after {} s", AWAKE.as_secs());
            let hint =
                "it goes on starting; follow it with `nexus workspace status`, then try again";
            Err(Refusal::new(ProblemCode::Timeout, detail, hint))
        }
    }
}

/// Answers 101, and carries bytes (or gives the descriptor) from then on.
///
/// # Errors
/// When the caller has too many streams open already.
pub(crate) fn upgraded(api: &Api, identity: &Identity, asked: Asked, way: Way) -> Answer<Response> {
    let stream = Stream {
        standing: api.standing(identity),
        room: api.terminals().room(identity, "nexus_streams")?,
        shutdown: api.shutdown().clone(),
        says_descriptor: asked.says_descriptor,
    };
    tokio::spawn(async move {
        if let Err(error) = stream.serve(asked.upgrade, way).await {
            tracing::debug!(%error, "a stream ended badly");
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(STREAM_PROTOCOL));
    Ok(response)
}

/// A stream under way.
struct Stream {
    standing: Standing,
    room: Room,
    shutdown: tokio_util::sync::CancellationToken,
    says_descriptor: bool,
}

impl Stream {
    async fn serve(self, upgrade: OnUpgrade, way: Way) -> io::Result<()> {
        let gone = self.shutdown.child_token();
        let _watch = self.standing.watch(gone.clone());
        let upgraded = upgrade.await.map_err(io::Error::other)?;
        let carried = carry(upgraded, way, self.says_descriptor);
        let ended = gone.run_until_cancelled(carried).await;
        drop(self.room);
        ended.unwrap_or(Ok(()))
    }
}

async fn carry(upgraded: Upgraded, way: Way, says_descriptor: bool) -> io::Result<()> {
    match way {
        Way::Descriptor(descriptor) => descriptor::give(upgraded, descriptor).await,
        Way::Bytes(mut stream) => {
            let mut upgraded = TokioIo::new(upgraded);
            if says_descriptor {
                upgraded.write_all(&[NO_DESCRIPTOR]).await?;
            }
            copy(&mut upgraded, &mut stream).await
        }
    }
}

/// Copies both ways until both have ended; the end of one direction is passed on.
async fn copy<A, B>(a: &mut A, b: &mut B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    copy_bidirectional_with_sizes(a, b, BUFFER, BUFFER).await?;
    Ok(())
}
