//! A server that also upgrades: to bare bytes, to a descriptor that is handed out, to a WebSocket.

use std::fs::File;
use std::io::{BufReader, IoSlice, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use crate::fixture::{Asked, Fixture, Reply, read_request, send};

/// A WebSocket, the server's side.
pub(crate) type Socket = WebSocket<File>;

/// What the server does with a request.
pub(crate) enum Serve {
    /// Answers it.
    Http(Reply),
    /// Hands out this socket.
    HandOut(UnixStream),
    /// Copies bytes between this and the connection.
    Bytes(UnixStream),
    /// Speaks over a WebSocket.
    Socket(Box<dyn FnOnce(Socket) + Send>),
}

type Answer = dyn Fn(&Asked) -> Serve + Send + Sync;

/// A home with such a server on its socket.
pub(crate) fn serving(answer: impl Fn(&Asked) -> Serve + Send + Sync + 'static) -> Fixture {
    let fixture = Fixture::without_server();
    let listener = UnixListener::bind(fixture.home().join("daemon.sock")).unwrap();
    let (asked, answer): (_, Arc<Answer>) = (fixture.remembered(), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (asked, answer) = (asked.clone(), answer.clone());
            std::thread::spawn(move || {
                converse(stream.into(), |request| {
                    asked.lock().unwrap().push(request.clone());
                    answer(request)
                })
            });
        }
    });
    fixture
}

/// The same over TCP; the second value is the server's address.
pub(crate) fn serving_over_tcp(
    answer: impl Fn(&Asked) -> Serve + Send + Sync + 'static,
) -> (Fixture, String) {
    let fixture = Fixture::without_server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, answer): (_, Arc<Answer>) = (fixture.remembered(), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (asked, answer) = (asked.clone(), answer.clone());
            std::thread::spawn(move || {
                converse(stream.into(), |request| {
                    asked.lock().unwrap().push(request.clone());
                    answer(request)
                })
            });
        }
    });
    (fixture, address)
}

/// Takes one request and does what is to be done with it. The program may hang up at any time.
fn converse(connection: OwnedFd, answer: impl FnOnce(&Asked) -> Serve) {
    let mut connection = File::from(connection);
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let Some(request) = read_request(&mut reader) else {
        return;
    };
    match answer(&request) {
        Serve::Http(reply) => {
            let _ = send(reader, connection, &reply);
        }
        Serve::HandOut(socket) => {
            switch(&mut connection, "upgrade: nexus.stream.v1");
            hand_out(&connection, &socket);
        }
        Serve::Bytes(socket) => {
            switch(&mut connection, "upgrade: nexus.stream.v1");
            if request.header("x-nexus-descriptor").is_some() {
                connection.write_all(&[0]).unwrap();
            }
            copy_both(connection, socket);
        }
        Serve::Socket(speak) => {
            let key = request.header("sec-websocket-key").unwrap();
            let protocol = request.header("sec-websocket-protocol").unwrap();
            let accept = derive_accept_key(key.as_bytes());
            switch(
                &mut connection,
                &format!(
                    "upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\
                     sec-websocket-protocol: {protocol}"
                ),
            );
            speak(WebSocket::from_raw_socket(connection, Role::Server, None));
        }
    }
}

fn switch(connection: &mut File, headers: &str) {
    let head =
        format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{headers}\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
}

fn hand_out(connection: &File, socket: &UnixStream) {
    let descriptors = [socket.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(
        connection,
        &[IoSlice::new(&[1])],
        &mut control,
        SendFlags::empty(),
    )
    .unwrap();
}

/// Until both directions have ended, whichever way.
fn copy_both(connection: File, socket: UnixStream) {
    let (mut up_from, mut up_to) = (connection.try_clone().unwrap(), socket.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (socket, connection);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = rustix::net::shutdown(&to, rustix::net::Shutdown::Write);
    up.join().unwrap();
}

/// A service that answers everything said with the same in capitals, once everything was said.
pub(crate) fn shouting() -> UnixStream {
    use std::io::Read as _;

    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        let mut said = String::new();
        if far.read_to_string(&mut said).is_ok() {
            let _ = far.write_all(said.to_uppercase().as_bytes());
        }
    });
    near
}
