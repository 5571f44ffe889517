//! Tails: what is stored, then what comes; once each, in order, across reconnections.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::{Method, StatusCode};
use futures::StreamExt as _;
use nexus_control_plane::http::{Listeners, bind_network, serve};
use nexus_events::id::NodeId;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::server::{Server, User, joined, public_key};

const SOON: Duration = Duration::from_secs(20);

/// One server-sent event.
#[derive(Debug)]
struct Sent {
    id: Option<u64>,
    kind: String,
    data: Value,
}

/// A reader of server-sent events.
struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(server: &Server, user: &User, path: &str, last: Option<u64>) -> Self {
        let last = last.map(|sequence| sequence.to_string());
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.as_deref().map(|id| ("last-event-id", id)));
        let response = server
            .bearer(&user.token)
            .open(Method::GET, path, &headers, Vec::new())
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                return Some(Sent {
                    id: field("id: ").map(|id| id.parse().expect("a sequence")),
                    kind: field("event: ").expect("a type"),
                    data: serde_json::from_str(&field("data: ").expect("data")).expect("JSON"),
                });
            }
            let chunk = tokio::time::timeout(SOON, self.body.next())
                .await
                .expect("in time")?;
            self.text
                .push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("text"));
        }
    }

    /// The next so many events of the log.
    async fn events(&mut self, count: usize) -> Vec<u64> {
        let mut sequences = Vec::new();
        while sequences.len() < count {
            let sent = self.next().await.expect("the tail goes on");
            if sent.kind != "caught_up" {
                assert_eq!(sent.data["sequence"].as_u64(), sent.id);
                assert_eq!(sent.data["event"]["type"], sent.kind);
                sequences.push(sent.id.expect("an id"));
            }
        }
        sequences
    }
}

/// Makes `count` events about a user.
async fn write(server: &Server, user: &User, count: usize) {
    for number in 0..count {
        let key = public_key(&format!(
            "{}-{number}-{}",
            user.id,
            server.last_sequence().await
        ))
        .0;
        let body = json!({ "public_key": key });
        let answer = server
            .bearer(&user.token)
            .post("/api/v1/users/me/keys", body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

async fn all_of(server: &Server, user: &User) -> Vec<u64> {
    server.last_sequence().await;
    let page = server
        .bearer(&user.token)
        .get("/api/v1/events?limit=500")
        .await;
    let items = page.body["items"].as_array().expect("items").iter();
    items.filter_map(|item| item["sequence"].as_u64()).collect()
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    write(&server, &alice, 5).await;
    let (mut seen, mut last) = (Vec::new(), None);
    for round in 0..6 {
        let mut reader = Reader::open(&server, &alice, "/api/v1/events", last).await;
        write(&server, &bob, 1).await;
        write(&server, &alice, 2).await;
        seen.extend(reader.events(2 + round % 2).await);
        last = seen.last().copied();
    }
    let mut reader = Reader::open(&server, &alice, "/api/v1/events", last).await;
    let all = all_of(&server, &alice).await;
    seen.extend(reader.events(all.len() - seen.len()).await);
    assert_eq!(seen, all);
}

#[tokio::test]
async fn history_ends_with_a_word_and_last_event_id_wins() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    write(&server, &alice, 2).await;
    let all = all_of(&server, &alice).await;
    let path = "/api/v1/events?after=0&type=user.*";
    let mut reader = Reader::open(&server, &alice, path, Some(all[all.len() - 2])).await;
    assert_eq!(
        reader.next().await.expect("an event").id,
        all.last().copied()
    );
    let word = reader.next().await.expect("the word");
    assert_eq!((word.kind.as_str(), word.id), ("caught_up", None));
    assert!(word.data["sequence"].as_u64() >= all.last().copied());
}

#[tokio::test]
async fn a_tail_ends_with_its_token() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let mut reader = Reader::open(&server, &alice, "/api/v1/events?kind=workspace", None).await;
    assert_eq!(reader.next().await.expect("the word").kind, "caught_up");
    let path = format!("/api/v1/tokens/{}", alice.token_id);
    assert_eq!(
        server.operator().delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    let goodbye = reader.next().await.expect("a last word");
    assert_eq!(goodbye.kind, "closed");
    assert!(
        goodbye.data["reason"]
            .as_str()
            .expect("a reason")
            .contains("token")
    );
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_tail_ends_with_the_server() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let mut reader = Reader::open(&server, &alice, "/api/v1/events", None).await;
    server.stop.cancel();
    let mut kinds = Vec::new();
    while let Some(sent) = reader.next().await {
        kinds.push(sent.kind);
    }
    assert_eq!(kinds.last().map(String::as_str), Some("closed"));
}

#[tokio::test]
async fn one_user_has_so_many_tails_and_no_more() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let mut readers = Vec::new();
    for _ in 0..32 {
        readers.push(Reader::open(&server, &alice, "/api/v1/events", None).await);
    }
    let accept = [("accept", "text/event-stream")];
    let refused = server
        .bearer(&alice.token)
        .send(Method::GET, "/api/v1/events", &accept, None)
        .await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.body["code"], "RATE_LIMIT");
    readers.pop();
    Reader::open(&server, &alice, "/api/v1/events", None).await;
}

type Socket = WebSocketStream<TcpStream>;

/// A server that listens, and where.
async fn listening() -> (Server, std::net::SocketAddr) {
    let server = Server::start().await;
    let listener = bind_network("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let listeners = Listeners {
        network: Some(listener),
        local: None,
    };
    tokio::spawn(serve(server.router.clone(), listeners, server.stop.clone()));
    (server, address)
}

async fn connect(
    address: std::net::SocketAddr,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .expect("a request");
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, value.parse().expect("a header"));
    }
    let stream = TcpStream::connect(address).await.expect("it listens");
    client_async(request, stream)
        .await
        .map(|(socket, _)| socket)
}

fn bearer(user: &User) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", user.token))
}

async fn frames(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    while sequences.len() < count {
        let frame = tokio::time::timeout(SOON, socket.next())
            .await
            .expect("in time");
        if let Message::Text(text) = frame.expect("it goes on").expect("a frame") {
            let view: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(view.as_object().expect("an object").len(), 2, "{view}");
            sequences.push(view["sequence"].as_u64().expect("a sequence"));
        }
    }
    sequences
}

#[tokio::test]
async fn a_socket_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let (server, address) = listening().await;
    let alice = server.user("alice").await;
    write(&server, &alice, 3).await;
    let (mut seen, mut after) = (Vec::new(), 0);
    for _ in 0..5 {
        let path = format!("/api/v1/events/ws?after={after}");
        let mut socket = connect(address, &path, &[bearer(&alice)])
            .await
            .expect("a socket");
        write(&server, &alice, 2).await;
        seen.extend(frames(&mut socket, 2).await);
        after = *seen.last().expect("some");
    }
    let path = format!("/api/v1/events/ws?after={after}");
    let mut socket = connect(address, &path, &[bearer(&alice)])
        .await
        .expect("a socket");
    let all = all_of(&server, &alice).await;
    seen.extend(frames(&mut socket, all.len() - seen.len()).await);
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_socket_opens_for_nobody_but_its_own_site() {
    let (server, address) = listening().await;
    let alice = server.user("alice").await;
    let path = "/api/v1/events/ws";
    let refused = |result: Result<Socket, Error>| match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(connect(address, path, &[]).await), 401);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let headers = [bearer(&alice), ("origin", origin.to_owned())];
        assert_eq!(
            refused(connect(address, path, &headers).await),
            403,
            "{origin}"
        );
    }
    let headers = [bearer(&alice), ("origin", format!("http://{address}"))];
    assert!(connect(address, path, &headers).await.is_ok());
}

#[tokio::test]
async fn a_socket_is_closed_with_its_token_and_told_where_it_was() {
    let (server, address) = listening().await;
    let alice = server.user("alice").await;
    let mut socket = connect(address, "/api/v1/events/ws", &[bearer(&alice)])
        .await
        .expect("a socket");
    let all = all_of(&server, &alice).await;
    assert_eq!(frames(&mut socket, all.len()).await, all);
    server
        .operator()
        .delete(&format!("/api/v1/tokens/{}", alice.token_id))
        .await;
    let close = close_of(&mut socket).await;
    assert_eq!(close.0, 4001);
    assert!(close.1.starts_with("after="), "{}", close.1);
}

#[tokio::test]
async fn a_slow_socket_is_cut_with_the_sequence_to_come_back_with() {
    let (server, address) = listening().await;
    let alice = server.user("alice").await;
    let admin = json!({ "user": alice.id, "scope": "admin" });
    let admin = server
        .operator()
        .post("/api/v1/tokens", admin)
        .await
        .field("token");
    let headers = [("authorization", format!("Bearer {admin}"))];
    let mut slow = connect(address, "/api/v1/events/ws", &headers)
        .await
        .expect("a socket");
    let all = server.last_sequence().await;
    frames(&mut slow, usize::try_from(all).expect("few")).await;
    flood(&server).await;

    let mut last = all;
    let (code, reason) = loop {
        match tokio::time::timeout(SOON, slow.next())
            .await
            .expect("in time")
        {
            Some(Ok(Message::Text(text))) => {
                let view: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(
                    view["sequence"].as_u64(),
                    Some(last + 1),
                    "no gap before the cut"
                );
                last += 1;
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                break (u16::from(frame.code), frame.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4008);
    assert!(
        reason.starts_with(&format!("after={last}:")),
        "{reason}, after {last}"
    );
    assert!(
        last < server.last_sequence().await,
        "it was cut, not served to the end"
    );
}

/// Far more than a connection's buffers and the tail's hold together.
async fn flood(server: &Server) {
    let (node, long) = (NodeId::derived("a loud one"), "x".repeat(32 << 10));
    let mut last = 0;
    for _ in 0..2_000 {
        last = server.store(last, node, joined(&long)).await;
    }
    server.visible(last).await;
}

async fn close_of(socket: &mut Socket) -> (u16, String) {
    loop {
        match tokio::time::timeout(SOON, socket.next())
            .await
            .expect("in time")
        {
            Some(Ok(Message::Close(Some(frame)))) => {
                return (u16::from(frame.code), frame.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
