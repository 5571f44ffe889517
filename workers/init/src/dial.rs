//! Byte streams to what listens inside, services bound to loopback included: carried over the
//! connection that asked, given out as a connected socket, or joined to a connection handed over.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::{ActivitySource, Answer, DialTarget, Failure, FailureCode, descriptor};
use tokio::net::{TcpStream, UnixStream};

use crate::connection::{ConnectionError, Reader, Writer, reunite};
use crate::relay::{Socket, join};
use crate::workspace::Workspace;

/// A loopback listener accepts at once or is too busy to be of use.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers a `Dial` request.
pub(crate) async fn serve(
    workspace: &Arc<Workspace>,
    target: DialTarget,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let inside = match reach(workspace, &target).await {
        Ok(inside) => inside,
        Err(failure) => return Ok(writer.control(&Answer::Failed(failure)).await?),
    };
    writer.control(&Answer::Connected).await?;
    let outside = Socket::Unix(reunite(reader, writer)?);
    Ok(carry(workspace, &outside, &inside).await?)
}

/// Answers a `DialSocket` request.
pub(crate) async fn give_out(
    workspace: &Arc<Workspace>,
    target: DialTarget,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let inside = match reach(workspace, &target).await {
        Ok(inside) => inside,
        Err(failure) => return Ok(writer.control(&Answer::Failed(failure)).await?),
    };
    writer.control(&Answer::Connected).await?;
    // What goes through the socket is seen by nobody here; that it was wanted is activity.
    workspace.note_activity(ActivitySource::Preview, 1);
    let stream = reunite(reader, writer)?;
    Ok(descriptor::send(&stream, inside.as_fd()).await?)
}

/// Carries a connection that was accepted outside to a port inside, to its end.
pub(crate) async fn carry(
    workspace: &Arc<Workspace>,
    outside: &Socket,
    inside: &Socket,
) -> io::Result<()> {
    let note = |count| workspace.note_activity(ActivitySource::Preview, count);
    join(outside, inside, note).await
}

/// Connects to what listens inside, or says why not.
pub(crate) async fn reach(workspace: &Workspace, target: &DialTarget) -> Result<Socket, Failure> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect(workspace, target)).await;
    connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| explain(target, &error))
}

async fn connect(workspace: &Workspace, target: &DialTarget) -> io::Result<Socket> {
    match target {
        DialTarget::Port(port) => Ok(Socket::Tcp(connect_loopback(*port).await?)),
        DialTarget::Unix(path) => {
            let path = workspace.context().resolve(path);
            Ok(Socket::Unix(UnixStream::connect(path).await?))
        }
    }
}

/// Connects to a port on the workspace's loopback, IPv4 first.
pub(crate) async fn connect_loopback(port: u16) -> io::Result<TcpStream> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = match TcpStream::connect(v4).await {
        Ok(stream) => stream,
        Err(first) => {
            let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
            TcpStream::connect(v6).await.map_err(|_| first)?
        }
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn explain(target: &DialTarget, error: &io::Error) -> Failure {
    let what = match target {
        DialTarget::Port(port) => format!("port {port}"),
        DialTarget::Unix(path) => format!("the socket {path}"),
    };
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureCode::ConnectionRefused,
        io::ErrorKind::NotFound => FailureCode::NotFound,
        io::ErrorKind::PermissionDenied => FailureCode::Denied,
        _ => FailureCode::Internal,
    };
    Failure::new(
        code,
        format!("connecting to {what} inside the workspace: {error}"),
    )
}
