//! Byte streams to what listens inside.

use nexus_init_protocol::{ActivitySource, DialTarget, FailureCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use crate::harness::{Init, free_port, in_time};

#[tokio::test]
async fn a_loopback_port_is_reached_and_half_close_is_passed_on() {
    let init = Init::start().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await.unwrap();
        stream
            .write_all(&request.len().to_string().into_bytes())
            .await
            .unwrap();
    });
    let mut stream = init.client.dial(&DialTarget::Port(port)).await.unwrap();
    in_time(stream.write_all(&vec![b'x'; 1 << 20]))
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, (1 << 20).to_string());
    serving.await.unwrap();
    let activity = init.client.activity().await.unwrap();
    assert!(
        activity
            .sources
            .iter()
            .any(|seen| seen.source == ActivitySource::Preview)
    );
}

#[tokio::test]
async fn unix_sockets_and_ipv6_are_reached_too() {
    let init = Init::start().await;
    let path = init.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let target = DialTarget::Unix(path.display().to_string());
    let (stream, _) = tokio::join!(init.client.dial(&target), listener.accept());
    stream.unwrap();
    let Ok(listener) = TcpListener::bind(("::1", 0)).await else {
        println!("SKIPPED dialling IPv6: this machine has none");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let target = DialTarget::Port(port);
    let (stream, _) = tokio::join!(init.client.dial(&target), listener.accept());
    stream.unwrap();
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_told() {
    let init = Init::start().await;
    let error = init
        .client
        .dial(&DialTarget::Port(free_port()))
        .await
        .unwrap_err();
    assert_eq!(
        error.failure().unwrap().code,
        FailureCode::ConnectionRefused
    );
    let missing = DialTarget::Unix(init.path("missing").display().to_string());
    let error = init.client.dial(&missing).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::NotFound);
}
