//! What both ends set on the TCP connection of a stream.

use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, BufReader};
use tokio::net::TcpStream;

/// A connection on which nothing happens is asked after when this has passed,
const IDLE: Duration = Duration::from_secs(10);
/// then as often,
const BETWEEN: Duration = Duration::from_secs(5);
/// and so many times: a peer that is silent is dead after 30 s, as with the relay.
const TIMES: u32 = 4;

/// Bytes read at once: TLS by itself asks for a few thousand at a time.
const BUFFER: usize = 64 << 10;

/// Keystrokes go out at once, and a host that vanished is noticed.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, IDLE)?;
    sockopt::set_tcp_keepintvl(stream, BETWEEN)?;
    sockopt::set_tcp_keepcnt(stream, TIMES)?;
    Ok(())
}

/// A connection as TLS had better read it.
pub(super) fn buffered<T: AsyncRead>(stream: T) -> BufReader<T> {
    BufReader::with_capacity(BUFFER, stream)
}
