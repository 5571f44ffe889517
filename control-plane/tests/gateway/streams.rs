//! Bare byte streams: SSH, ports, and descriptors that change hands.

use axum::http::StatusCode;
use nexus_init_protocol::descriptor;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::scene::{Scene, in_time};

/// Sends a request and reads the answer to its end.
pub(crate) async fn plain(scene: &Scene, head: &str, body: &[u8]) -> (StatusCode, Value) {
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream.write_all(body).await.expect("it is sent");
    let status = read_head(&mut stream).await;
    let mut text = String::new();
    in_time(stream.read_to_string(&mut text))
        .await
        .expect("text");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// Reads a head byte by byte, so that what follows stays on the stream.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> StatusCode {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(in_time(stream.read_u8()).await.expect("a head"));
    }
    let text = String::from_utf8(head).expect("text");
    let status = text.split(' ').nth(1).expect("a status");
    status.parse().expect("a status")
}

async fn upgrade<S>(mut stream: S, path: &str, more: &str) -> (StatusCode, S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
         upgrade: nexus.stream.v1\r\n{more}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let status = read_head(&mut stream).await;
    (status, stream)
}

/// Something inside that answers, in capitals, once its peer has said all.
async fn shouter() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut text = String::new();
                stream.read_to_string(&mut text).await.expect("text");
                let answer = text.to_uppercase();
                stream
                    .write_all(answer.as_bytes())
                    .await
                    .expect("it is sent");
            });
        }
    });
    port
}

async fn shouted<S>(mut stream: S) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(b"hello").await.expect("it is sent");
    stream.shutdown().await.expect("one direction ends");
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer))
        .await
        .expect("text");
    answer
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_way_ends_by_itself() {
    let scene = Scene::start().await;
    let port = shouter().await;
    let bearer = format!("authorization: Bearer {}\r\n", scene.ada.token);
    let stream = TcpStream::connect(scene.address).await.expect("it listens");
    let path = format!("/api/v1/workspaces/hello/ports/{port}");
    let (status, stream) = upgrade(stream, &path, &bearer).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(shouted(stream).await, "HELLO");

    let stream = TcpStream::connect(scene.address).await.expect("it listens");
    let (status, mut stream) = upgrade(stream, "/api/v1/workspaces/hello/ssh", &bearer).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    let mut banner = [0; 8];
    in_time(stream.read_exact(&mut banner))
        .await
        .expect("bytes");
    assert_eq!(&banner, b"SSH-2.0-");
}

#[tokio::test]
async fn what_cannot_be_reached_is_refused_before_the_upgrade() {
    let scene = Scene::start().await;
    let bearer = format!("authorization: Bearer {}\r\n", scene.ada.token);
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        listener.local_addr().expect("an address").port()
    };
    for (path, status) in [
        (format!("ports/{closed}"), StatusCode::BAD_GATEWAY),
        ("ports/0".into(), StatusCode::UNPROCESSABLE_ENTITY),
        ("ports/many".into(), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let stream = TcpStream::connect(scene.address).await.expect("it listens");
        let path = format!("/api/v1/workspaces/hello/{path}");
        let (answered, _) = upgrade(stream, &path, &bearer).await;
        assert_eq!(answered, status, "{path}");
    }
    let (status, problem) = crate::terminals::request(&scene, "GET", "ssh").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
}

#[tokio::test]
async fn the_operator_is_handed_the_connection_itself() {
    let scene = Scene::start().await;
    let port = shouter().await;
    let asks = "x-nexus-descriptor: yes\r\n";
    let path = format!("/api/v1/workspaces/hello/ports/{port}");
    let stream = UnixStream::connect(&scene.socket)
        .await
        .expect("it listens");
    let (status, stream) = upgrade(stream, &path, asks).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    let given = in_time(descriptor::receive(&stream))
        .await
        .expect("a descriptor");
    drop(stream);
    let given = std::net::TcpStream::from(given);
    given.set_nonblocking(true).expect("it can be set");
    assert_eq!(
        shouted(TcpStream::from_std(given).expect("a stream")).await,
        "HELLO"
    );

    let stream = UnixStream::connect(&scene.socket)
        .await
        .expect("it listens");
    let (_, stream) = upgrade(stream, "/api/v1/workspaces/hello/ssh", asks).await;
    let given = in_time(descriptor::receive(&stream))
        .await
        .expect("a descriptor");
    let given = std::os::unix::net::UnixStream::from(given);
    given.set_nonblocking(true).expect("it can be set");
    let mut given = UnixStream::from_std(given).expect("a stream");
    let mut banner = [0; 8];
    in_time(given.read_exact(&mut banner)).await.expect("bytes");
    assert_eq!(&banner, b"SSH-2.0-");
}

#[tokio::test]
async fn who_can_be_shown_out_gets_bytes_and_no_descriptor() {
    let scene = Scene::start().await;
    let port = shouter().await;
    let asks = format!(
        "x-nexus-descriptor: yes\r\nauthorization: Bearer {}\r\n",
        scene.ada.token
    );
    let path = format!("/api/v1/workspaces/hello/ports/{port}");
    let stream = UnixStream::connect(&scene.socket)
        .await
        .expect("it listens");
    let (_, mut stream) = upgrade(stream, &path, &asks).await;
    assert_eq!(in_time(stream.read_u8()).await.expect("a byte"), 0);
    assert_eq!(shouted(stream).await, "HELLO");

    let stream = UnixStream::connect(&scene.socket)
        .await
        .expect("it listens");
    let (_, mut stream) = upgrade(stream, &path, &asks).await;
    assert_eq!(in_time(stream.read_u8()).await.expect("a byte"), 0);
    crate::lifecycle::revoke(&scene).await;
    let ended = in_time(stream.read_u8()).await;
    assert!(
        ended.is_err(),
        "the token counts no more, and so the stream is cut"
    );
}
