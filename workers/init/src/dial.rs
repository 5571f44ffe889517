//! Byte streams to what listens inside, services bound to loopback included.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::{ActivitySource, Answer, DialTarget, Failure, FailureCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::connection::{ConnectionError, Reader, Writer};
use crate::workspace::Workspace;

/// A loopback listener accepts at once or is too busy to be of use.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const BUFFER: usize = 64 << 10;

/// Answers a `Dial` request.
pub(crate) async fn serve(
    workspace: &Arc<Workspace>,
    target: DialTarget,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect(workspace, &target)).await;
    let stream = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => stream,
        Err(error) => {
            let failure = explain(&target, &error);
            return Ok(writer.control(&Answer::Failed(failure)).await?);
        }
    };
    writer.control(&Answer::Connected).await?;
    let client = (reader.into_inner(), writer.into_inner());
    let note = |count| workspace.note_activity(ActivitySource::Preview, count);
    match stream {
        Stream::Tcp(mut stream) => relay(client, stream.split(), note).await?,
        Stream::Unix(mut stream) => relay(client, stream.split(), note).await?,
    }
    Ok(())
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

async fn connect(workspace: &Workspace, target: &DialTarget) -> io::Result<Stream> {
    match target {
        DialTarget::Port(port) => Ok(Stream::Tcp(connect_loopback(*port).await?)),
        DialTarget::Unix(path) => {
            let path = workspace.context().resolve(path);
            Ok(Stream::Unix(UnixStream::connect(path).await?))
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

/// Moves bytes both ways until both sides have ended; the end of one side is passed on to the other.
pub(crate) async fn relay<AR, AW, BR, BW>(
    a: (AR, AW),
    b: (BR, BW),
    note: impl Fn(u64),
) -> io::Result<()>
where
    AR: AsyncRead + Unpin,
    AW: AsyncWrite + Unpin,
    BR: AsyncRead + Unpin,
    BW: AsyncWrite + Unpin,
{
    tokio::try_join!(pump(a.0, b.1, &note), pump(b.0, a.1, &note))?;
    Ok(())
}

async fn pump<R, W>(mut from: R, mut to: W, note: &impl Fn(u64)) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        note(count as u64);
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
    }
}
