//! Asking for a stream: one request of HTTP/1.1, upgraded, and the socket that comes of it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::Stream;
use super::connect::{authority, connect};
use super::head::{Head, LONGEST_HEAD};
use super::receive;
use crate::client::refusal;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::server::Server;

const PROTOCOL: &str = "nexus.stream.v1";
/// The server starts a stopped workspace before it answers; nothing takes longer than this.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Who moves the bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The server.
    Server,
    /// Nobody: the socket leads into the workspace itself.
    Direct,
}

/// Opens the stream at `path`; `what` follows `could not` when that fails.
///
/// # Errors
/// The server cannot be reached, or refuses.
pub(crate) fn open(server: &Server, what: &str, path: &str) -> Result<Stream> {
    let broken = |error: io::Error| unreachable(server, what, &error);
    let socket = connect(server).map_err(broken)?;
    let head = ask(server, path, &socket).map_err(broken)?;
    if head.status != 101 {
        let body = body(&head, &socket);
        return Err(Error::refused(what, &refusal(head.status, path, &body)));
    }
    if head.header("upgrade") != Some(PROTOCOL) {
        let why = "the server upgraded to something else";
        return Err(Error::new(Exit::Failure, what, why, "nexus version"));
    }
    let stream = match server {
        Server::Socket(_) => handed_out(socket),
        Server::Address { .. } => Ok(through_server(socket)),
    };
    let stream = stream.map_err(broken)?;
    set_socket_timeout(&stream.socket, Timeout::Recv, None)
        .map_err(|error| broken(error.into()))?;
    Ok(stream)
}

/// Sends the request and reads until the head of the reply is whole.
fn ask(server: &Server, path: &str, socket: &OwnedFd) -> io::Result<Head> {
    set_socket_timeout(socket, Timeout::Recv, Some(PATIENCE))?;
    super::copy::write_all(socket.as_fd(), request(server, path)?.as_bytes())?;
    receive::head(socket.as_fd())
}

fn request(server: &Server, path: &str) -> io::Result<String> {
    let (host, rights) = match server {
        Server::Socket(_) => ("localhost".to_owned(), "X-Nexus-Descriptor: yes\r\n".into()),
        Server::Address { origin, token } => {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(io::Error::other("the token holds what no token can"));
            }
            (
                authority(origin),
                format!("Authorization: Bearer {token}\r\n"),
            )
        }
    };
    let agent = concat!("nexus/", env!("CARGO_PKG_VERSION"));
    Ok(format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\
         Connection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n{rights}\r\n"
    ))
}

/// The body of a refusal, as far as it comes.
fn body(head: &Head, socket: &OwnedFd) -> Vec<u8> {
    let length = head
        .content_length()
        .unwrap_or(LONGEST_HEAD)
        .min(LONGEST_HEAD);
    // A refusal whose text does not come is still a refusal.
    let _ = set_socket_timeout(socket, Timeout::Recv, Some(Duration::from_secs(5)));
    receive::up_to(socket.as_fd(), length)
}

const fn through_server(socket: OwnedFd) -> Stream {
    Stream {
        socket,
        way: Way::Server,
    }
}

/// After the head comes one byte: 1 with the socket itself, or 0 and the server goes on.
fn handed_out(socket: OwnedFd) -> io::Result<Stream> {
    match receive::one(socket.as_fd())? {
        (1, Some(direct)) => {
            make_blocking(&direct)?;
            Ok(Stream {
                socket: direct,
                way: Way::Direct,
            })
        }
        (0, _) => Ok(through_server(socket)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it handed out something that is no socket",
        )),
    }
}

/// Whoever opened the socket may have used it without waiting; it is ours alone now.
fn make_blocking(socket: &OwnedFd) -> io::Result<()> {
    let flags = fcntl_getfl(socket)?;
    Ok(fcntl_setfl(socket, flags - OFlags::NONBLOCK)?)
}

fn unreachable(server: &Server, what: &str, error: &io::Error) -> Error {
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        let why = format!("{server} did not answer in time");
        return Error::new(Exit::NotReady, what, why, "nexus doctor");
    }
    let next = match server {
        Server::Socket(_) => "nexus daemon start",
        Server::Address { .. } => "nexus doctor",
    };
    let why = format!("{server} cannot be reached: {error}");
    Error::new(Exit::Unreachable, what, why, next)
}
