//! Where one message ends and the next begins, on connections that are used again.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{ask, closed, get, host, read};
use crate::scene::{Scene, in_time};
use crate::service::{EARLY, Service};

/// A request of ada's over a connection that stays.
fn request(scene: &Scene, service: &Service, first: &str) -> String {
    let (host, token) = (host(scene, service.port), &scene.ada.token);
    format!("{first} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n")
}

async fn send(stream: &mut TcpStream, text: &str) {
    in_time(stream.write_all(text.as_bytes()))
        .await
        .expect("it is sent");
}

/// Reads up to and with `end`.
async fn up_to(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        bytes.push(in_time(stream.read_u8()).await.expect("more"));
    }
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn answers_without_a_body_leave_nothing_behind() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    for (first, line, told) in [
        ("GET /none", "HTTP/1.1 204 No Content\r\n", None),
        ("GET /same", "HTTP/1.1 304 Not Modified\r\n", None),
        (
            "HEAD /head",
            "HTTP/1.1 200 OK\r\n",
            Some("content-length: 9\r\n"),
        ),
        ("OPTIONS *", "HTTP/1.1 200 OK\r\n", None),
    ] {
        send(&mut stream, &request(&scene, &service, first)).await;
        let head = up_to(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with(line), "{first}: {head}");
        assert!(told.is_none_or(|told| head.contains(told)), "{head}");
        if first == "OPTIONS *" {
            let body = up_to(&mut stream, "\r\n\r\n").await;
            assert!(body.starts_with("OPTIONS * HTTP/1.1\r\n"), "{body}");
        }
    }
    send(&mut stream, &request(&scene, &service, "GET /after")).await;
    let after = in_time(read(stream)).await;
    assert!(after.body.starts_with("GET /after "), "{}", after.body);
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn an_answer_in_pieces_ends_with_its_last_piece() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    for path in ["/pieces", "/trailed", "/pieces", "/trailed"] {
        let first = format!("GET {path}");
        send(&mut stream, &request(&scene, &service, &first)).await;
        let head = up_to(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        let body = up_to(&mut stream, "0\r\n\r\n").await;
        let text: String = body.lines().skip(1).step_by(2).collect();
        assert_eq!(text, "abcde", "{path}: {body:?}");
    }
    let after = get(&scene, &scene.ada, service.port, "/after").await;
    assert!(after.body.starts_with("GET /after "), "{}", after.body);
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn hints_before_an_answer_are_not_the_answer() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let answer = get(&scene, &scene.ada, service.port, "/hints").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with("GET /hints "), "{}", answer.body);
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    send(&mut stream, &request(&scene, &service, "GET /to-the-end")).await;
    up_to(&mut stream, "\r\n\r\n").await;
    let body = up_to(&mut stream, "0\r\n\r\n").await;
    assert!(body.contains("to the end"), "{body}");
    let after = get(&scene, &scene.ada, service.port, "/after").await;
    assert!(after.body.starts_with("GET /after "), "{}", after.body);
}

#[tokio::test]
async fn a_service_that_hangs_up_between_requests_is_called_again() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    for round in 1..=3 {
        let last = get(&scene, &scene.ada, service.port, "/last").await;
        assert_eq!(last.body, "last");
        assert_eq!(service.connections(), round);
    }
}

#[tokio::test]
async fn what_somebody_did_not_wait_for_is_nobodys_answer() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    for path in ["/drip", "/big", "/drip"] {
        // The head is there, the body is not, and nobody waits for it.
        let left = get(&scene, &scene.ada, service.port, path).await;
        drop(left.stream);
        let after = get(&scene, &scene.ada, service.port, "/after").await;
        assert!(after.body.starts_with("GET /after "), "{}", after.body);
    }
}

#[tokio::test]
async fn a_service_may_answer_before_it_has_heard_everything() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let head = format!(
        "POST /early HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {EARLY}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    send(&mut stream, &head).await;
    let line = up_to(&mut stream, "\r\n").await;
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    // All of it is taken while nothing of the answer is read.
    in_time(stream.write_all(&vec![1; EARLY]))
        .await
        .expect("it is taken");
    up_to(&mut stream, "\r\n\r\n").await;
    let mut body = vec![0; EARLY];
    in_time(stream.read_exact(&mut body)).await.expect("a body");
    assert!(body.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn a_preview_is_no_way_to_elsewhere() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let tunnel = request(&scene, &service, "CONNECT example.org:443");
    let answer = ask(scene.address, &tunnel).await;
    assert_eq!(answer.status, 405, "{}", answer.body);
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let whole = format!(
        "GET http://example.org/a?b=c HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = ask(scene.address, &whole).await;
    assert!(
        answer.body.starts_with("GET /a?b=c HTTP/1.1\r\n"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains(&format!("host: {host}\r\n")));
    closed(answer.stream).await;
}
