//! The direct way on one host: the worker connects to init and hands over the connected socket.
//!
//! ```text
//!  gateway ── "NXL1", node, workspace ──► worker ── connects ──► init
//!  gateway ◄── 1 and the descriptor ───── worker    (or 0 and the reason, or 2: another node)
//!  gateway ◄─────────────── bytes, with nobody between ────────► init
//! ```
//!
//! The node's id is asked for, since the same path may be another worker's socket in another
//! container of the host. The socket is its owner's only, and so is the folder it is in.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use nexus_events::id::{NodeId, WorkspaceId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use uuid::Uuid;

use super::address::ShortPath;
use super::{LinkError, descriptor};

/// What a request begins with; the digit is the version.
const MAGIC: [u8; 4] = *b"NXL1";
/// A request: the magic, the node, the workspace.
const REQUEST: usize = 4 + 16 + 16;
const GRANTED: u8 = 1;
const REFUSED: u8 = 0;
const ELSEWHERE: u8 = 2;
/// The longest reason that is read.
const REASON: u64 = 512;

/// Who is asked for which workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) node: NodeId,
    pub(super) workspace: WorkspaceId,
}

/// Why the direct way was not had.
#[derive(Debug)]
pub(super) enum DirectError {
    /// Nobody answers at the address; another way may be taken.
    Unreachable(io::Error),
    /// The node answered, and has no way in itself.
    Refused(String),
}

impl DirectError {
    /// As whoever asked for a stream is told.
    pub(super) fn about(self, wanted: Wanted) -> LinkError {
        let Wanted { node, workspace } = wanted;
        match self {
            Self::Unreachable(error) => LinkError::NotDirect {
                node,
                source: Some(error),
            },
            Self::Refused(reason) => LinkError::Refused {
                node,
                workspace,
                reason,
            },
        }
    }
}

impl From<io::Error> for DirectError {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

/// Asks the worker at `path` for a connected socket.
pub(super) async fn open(
    path: &Path,
    wanted: Wanted,
    limit: Duration,
) -> Result<UnixStream, DirectError> {
    tokio::time::timeout(limit, ask(path, wanted))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

async fn ask(path: &Path, wanted: Wanted) -> Result<UnixStream, DirectError> {
    let short = ShortPath::of(path)?;
    let mut worker = UnixStream::connect(short.path()).await?;
    worker.write_all(&encode(wanted)).await?;
    match descriptor::receive(&worker).await? {
        (GRANTED, Some(descriptor)) => {
            let stream = std::os::unix::net::UnixStream::from(descriptor);
            stream.set_nonblocking(true)?;
            Ok(UnixStream::from_std(stream)?)
        }
        (ELSEWHERE, _) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        _ => {
            let mut reason = String::new();
            worker.take(REASON).read_to_string(&mut reason).await?;
            Err(DirectError::Refused(reason))
        }
    }
}

/// What is asked for on a connection just accepted.
pub(super) async fn wanted(stream: &mut UnixStream) -> io::Result<Wanted> {
    let mut request = [0; REQUEST];
    stream.read_exact(&mut request).await?;
    decode(&request).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "another version of the link is spoken",
        )
    })
}

/// Answers that another node was meant.
pub(super) async fn answer_elsewhere(mut stream: UnixStream) -> io::Result<()> {
    stream.write_all(&[ELSEWHERE]).await
}

/// Answers with `opened`.
pub(super) async fn answer(
    mut stream: UnixStream,
    opened: io::Result<UnixStream>,
) -> io::Result<()> {
    match opened {
        Ok(inside) => descriptor::send(&stream, GRANTED, inside.as_fd()).await,
        Err(error) => {
            stream.write_all(&[REFUSED]).await?;
            stream.write_all(error.to_string().as_bytes()).await?;
            stream.shutdown().await
        }
    }
}

fn encode(wanted: Wanted) -> [u8; REQUEST] {
    let mut request = [0; REQUEST];
    request[..4].copy_from_slice(&MAGIC);
    request[4..20].copy_from_slice(wanted.node.uuid().as_bytes());
    request[20..].copy_from_slice(wanted.workspace.uuid().as_bytes());
    request
}

fn decode(request: &[u8; REQUEST]) -> Option<Wanted> {
    let rest = request.strip_prefix(&MAGIC)?;
    let (node, workspace) = rest.split_at(16);
    Some(Wanted {
        node: NodeId::from_uuid(Uuid::from_slice(node).ok()?),
        workspace: WorkspaceId::from_uuid(Uuid::from_slice(workspace).ok()?),
    })
}
