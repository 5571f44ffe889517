//! Descriptors that change hands: connections in, connected sockets out.

use nexus_init_protocol::{
    ActivitySource, Client, ClientError, DialTarget, FailureCode, HandOver, InitStream, Reach,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Init, free_port, in_time};

/// Both ends of an accepted connection.
async fn accepted() -> (TcpStream, std::os::fd::OwnedFd) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (outside, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let socket = accepted.unwrap().0.into_std().unwrap();
    (outside.unwrap(), socket.into())
}

/// A service that answers what it was sent in capitals.
async fn service() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            stream
                .write_all(text.to_uppercase().as_bytes())
                .await
                .unwrap();
        }
    });
    port
}

#[tokio::test]
async fn a_connection_handed_over_lives_without_whoever_accepted_it() {
    let init = Init::start().await;
    let port = service().await;
    let (mut outside, socket) = accepted().await;
    // Bytes that came before the hand-over are not lost.
    outside.write_all(b"before ").await.unwrap();
    init.client
        .hand_over(&HandOver::Port(port), socket)
        .await
        .unwrap();
    outside.write_all(b"after").await.unwrap();
    outside.shutdown().await.unwrap();
    let mut answer = String::new();
    in_time(outside.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "BEFORE AFTER");
    let activity = init.client.activity().await.unwrap();
    let mut sources = activity.sources.iter();
    let preview = sources.find(|seen| seen.source == ActivitySource::Preview);
    assert_eq!(preview.unwrap().count, 24, "bytes both ways are counted");
}

#[tokio::test]
async fn a_port_nobody_listens_on_refuses_the_hand_over() {
    let init = Init::start().await;
    let (mut outside, socket) = accepted().await;
    let target = HandOver::Port(free_port());
    let error = init.client.hand_over(&target, socket).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.code, FailureCode::ConnectionRefused);
    let mut nothing = Vec::new();
    in_time(outside.read_to_end(&mut nothing)).await.unwrap();
    assert!(nothing.is_empty(), "and the connection is closed");
}

#[tokio::test]
async fn what_is_no_connection_is_refused() {
    let init = Init::start().await;
    let file = std::fs::File::open("/dev/null").unwrap();
    let handed = init.client.hand_over(&HandOver::Ssh, file.into());
    let error = handed.await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::Invalid);
}

#[tokio::test]
async fn a_socket_given_out_is_connected_and_ours() {
    let init = Init::start().await;
    let target = DialTarget::Port(service().await);
    let socket = init.client.dial_socket(&target).await.unwrap();
    // Init is gone, and the connection is not.
    init.kill().await;
    let socket = std::net::TcpStream::from(socket);
    socket.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(socket).unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "HELLO");
}

/// A way to init that carries bytes and nothing else.
#[derive(Debug)]
struct Far(std::path::PathBuf);

impl Reach for Far {
    fn open(&self) -> nexus_init_protocol::BoxFuture<'_, std::io::Result<InitStream>> {
        Box::pin(async {
            let stream = tokio::net::UnixStream::connect(&self.0).await?;
            Ok(InitStream::Other(Box::new(stream)))
        })
    }
}

#[tokio::test]
async fn from_far_away_everything_works_but_descriptors() {
    let init = Init::start().await;
    let far = Client::over(std::sync::Arc::new(Far(init.path("run/init.sock"))));
    let target = DialTarget::Port(service().await);
    let mut stream = far.dial(&target).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "HELLO");
    let error = far.dial_socket(&target).await.unwrap_err();
    assert!(matches!(error, ClientError::NotShared { .. }), "{error}");
    let (_outside, socket) = accepted().await;
    let error = far.hand_over(&HandOver::Ssh, socket).await.unwrap_err();
    assert!(matches!(error, ClientError::NotShared { .. }), "{error}");
}
