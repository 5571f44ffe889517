//! Listeners, spoken to byte by byte.

use nexus_control_plane::http::{Listeners, LocalSocket, bind_network, serve};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::server::Server;

/// Sends `request` and gives everything that comes back until the other end closes.
async fn spoken(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it listens");
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let patience = std::time::Duration::from_secs(20);
    // An end that closes with unread bytes resets; what it said before counts.
    let _ = tokio::time::timeout(patience, read)
        .await
        .expect("it answers in time");
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, host: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn whoever_owns_the_socket_is_the_operator_and_tcp_is_not() {
    let server = Server::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("daemon.sock");
    let network = bind_network("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = network.local_addr().expect("an address");
    let local = LocalSocket::bind(&path).await.expect("a socket");
    let listeners = Listeners {
        network: Some(network),
        local: Some(local),
    };
    let serving = tokio::spawn(serve(server.router.clone(), listeners, server.stop.clone()));

    let local = || UnixStream::connect(&path);
    let answer = spoken(
        local().await.expect("it listens"),
        &get("/health", "anything"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-nexus-sequence: ") && answer.contains("\"status\":\"ok\""));

    let tcp = || TcpStream::connect(address);
    let host = address.to_string();
    for (request, status) in [
        (get("/health", &host), "401"),
        (get("/livez", &host), "200"),
        (get("/livez", "evil.example"), "403"),
        (
            "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            "403",
        ),
        (get(&format!("/livez?{}", "x".repeat(20_000)), &host), "431"),
        (
            get(
                "/livez",
                &format!("{host}\r\nX-Long: {}", "x".repeat(20_000)),
            ),
            "431",
        ),
        (
            get("/livez", &format!("{host}{}", "\r\nX-More: 1".repeat(100))),
            "431",
        ),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = spoken(tcp().await.expect("it listens"), &request).await;
        let line = answer.lines().next().unwrap_or_default();
        let start: String = request.chars().take(60).collect();
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status}")),
            "{start}: {line}"
        );
    }

    server.stop.cancel();
    serving.await.expect("it ends");
    assert!(!path.exists(), "the socket is gone with the server");
    assert!(tcp().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_is_under_way_is_answered_when_the_server_stops() {
    let server = Server::start().await;
    let network = bind_network("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = network.local_addr().expect("an address");
    let alice = server.user("alice").await;
    let listeners = Listeners {
        network: Some(network),
        local: None,
    };
    let serving = tokio::spawn(serve(server.router.clone(), listeners, server.stop.clone()));
    let body = r#"{"name":"hello","spec":{"provider":"process"}}"#;
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /api/v1/workspaces HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        alice.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it listens");
    let mut go_on = [0; 25];
    stream
        .read_exact(&mut go_on)
        .await
        .expect("it wants the body");
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    server.stop.cancel();
    let answer = spoken(stream, body).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    serving.await.expect("it ends");
}
