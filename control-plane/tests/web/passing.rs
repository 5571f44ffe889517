//! What goes through: requests, bodies of any size, sockets; and what does not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{api, ask, get, host, read};
use crate::scene::{Scene, in_time};
use crate::service::{BIG, Service};

#[tokio::test]
async fn a_service_gets_the_request_without_what_is_ours() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let request = format!(
        "GET /a/b?c=%20d HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Cookie: a=1; __Host-nexus={token}; __Host-nexus-preview=x\r\nX-Custom: kept\r\n\
         X-Forwarded-For: 203.0.113.7\r\nConnection: keep-alive, x-secret\r\nX-Secret: 1\r\n\r\n"
    );
    let answer = ask(scene.address, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.body.to_ascii_lowercase();
    assert!(told.starts_with("get /a/b?c=%20d http/1.1\r\n"), "{told}");
    for kept in [
        &format!("host: {host}\r\n"),
        "cookie: a=1\r\n",
        "x-custom: kept\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        &format!("x-forwarded-host: {host}\r\n"),
    ] {
        assert!(told.contains(kept), "{kept} in {told}");
    }
    for gone in ["authorization", "nxs_", "__host", "x-secret", "203.0.113"] {
        assert!(!told.contains(gone), "{gone} in {told}");
    }
    let cookies = get(&scene, &scene.ada, service.port, "/cookies").await;
    let set = cookies.values("set-cookie");
    assert_eq!(set, ["theirs=1; Path=/", "wide=1"]);
    let list = format!("/api/v1/workspaces/{}", scene.workspace);
    let (_, view) = api(&scene, &scene.ada, "GET", &list, "").await;
    assert!(view["activity"]["preview"].is_string(), "{view}");
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let mut answer = get(&scene, &scene.ada, service.port, "/").await;
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let again = format!("GET /n HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    for _ in 0..20 {
        let mut stream = answer.stream;
        stream
            .write_all(again.as_bytes())
            .await
            .expect("it is sent");
        answer = in_time(read(stream)).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(service.heads().len(), 21);
}

#[tokio::test]
async fn a_gibibyte_comes_down_and_much_goes_up() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let mut answer = get(&scene, &scene.ada, service.port, "/big").await;
    let (mut read, mut piece) = (0, vec![0; 256 * 1024]);
    while read < BIG {
        let got = in_time(answer.stream.read(&mut piece)).await;
        let got = got.expect("it goes on");
        assert_ne!(got, 0, "it ended after {read} bytes");
        assert!(piece[..got].iter().all(|byte| *byte == 7));
        read += got as u64;
    }
    assert_eq!(read, BIG);

    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let size = 64 << 20;
    let head = format!(
        "POST /count HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {size}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    for _ in 0..size / (1 << 20) {
        let sent = in_time(stream.write_all(&[1; 1 << 20])).await;
        sent.expect("it is taken");
    }
    let answer = in_time(crate::client::read(stream)).await;
    assert_eq!(answer.body, size.to_string());
}

#[tokio::test]
async fn a_socket_carries_both_ways() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\
         Sec-WebSocket-Protocol: vite-hmr, nexus.ticket.x\r\n\r\n"
    );
    let answer = ask(scene.address, &request).await;
    assert_eq!(answer.status, 101, "{}", answer.body);
    assert_eq!(answer.values("sec-websocket-accept"), ["x"]);
    let head = service.heads().join("").to_ascii_lowercase();
    for kept in [
        "sec-websocket-key: abc",
        "upgrade: websocket",
        "sec-websocket-protocol: vite-hmr\r\n",
    ] {
        assert!(head.contains(kept), "{kept} in {head}");
    }
    let mut stream = answer.stream;
    for round in 0..100_u32 {
        let said = format!("ping {round:08}");
        stream.write_all(said.as_bytes()).await.expect("it is sent");
        let mut heard = vec![0; said.len()];
        let reading = in_time(stream.read_exact(&mut heard)).await;
        reading.expect("an echo");
        assert_eq!(heard, said.as_bytes());
    }
}

#[tokio::test]
async fn a_service_that_is_down_is_said_to_be() {
    let scene = Scene::start().await;
    let unused = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = unused.local_addr().expect("an address").port();
    drop(unused);
    let answer = get(&scene, &scene.ada, port, "/").await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(answer.body.contains("\"code\":\"PROCESS_ERROR\""));
    let (host, token) = (host(&scene, port), &scene.ada.token);
    let page = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let answer = ask(scene.address, &page).await;
    assert_eq!(answer.status, 502);
    let told = format!("no service answers on port {port}");
    assert!(answer.body.contains(&told), "{}", answer.body);
}
