//! A plain connection to the server, for what an HTTP client cannot do.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::server::Server;

/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to `server`; the socket is blocking.
pub(super) fn connect(server: &Server) -> io::Result<OwnedFd> {
    match server {
        Server::Socket(path) => unix(path),
        Server::Address { origin, .. } => tcp(origin),
    }
}

/// Connecting to a unix socket waits while its queue is full; the send time-out bounds that.
fn unix(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(socket)
}

fn tcp(origin: &str) -> io::Result<OwnedFd> {
    let authority = authority(origin);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// `host:port` of an origin, the port always told.
pub(crate) fn authority(origin: &str) -> String {
    let rest = origin.strip_prefix("http://").unwrap_or(origin);
    let has_port = rest
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match has_port {
        true => rest.to_owned(),
        false => format!("{rest}:80"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_always_told() {
        for (origin, wanted) in [
            ("http://127.0.0.1:3001", "127.0.0.1:3001"),
            ("http://localhost", "localhost:80"),
            ("http://[::1]:3001", "[::1]:3001"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(authority(origin), wanted);
        }
    }
}
