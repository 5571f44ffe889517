//! A client that says exactly what it is told to, over a connection of its own.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scene::{Person, Scene, in_time};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of its head, header names in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
    /// The connection, for what comes after.
    pub(crate) stream: TcpStream,
}

impl Answer {
    /// Every value of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let prefix = format!("{name}: ");
        let lines = self.head.iter();
        lines
            .filter_map(|line| line.strip_prefix(&prefix))
            .collect()
    }
}

/// The host of `port` of the scene's workspace.
pub(crate) fn host(scene: &Scene, port: u16) -> String {
    let id = scene.workspace.uuid().simple();
    format!("{port}-{id}.preview.localhost:3001")
}

/// Sends a request and reads the head of its answer, and the body as far as the head tells.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    in_time(read(stream)).await
}

/// Reads the next answer.
pub(crate) async fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.expect("a head"));
    }
    let text = String::from_utf8(bytes).expect("text");
    let status = text.split(' ').nth(1).expect("a status");
    let status = status.parse().expect("a number");
    let lower = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => line.to_owned(),
    };
    let head: Vec<String> = text.lines().map(lower).collect();
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; if length > 1 << 20 { 0 } else { length }];
    stream.read_exact(&mut body).await.expect("a body");
    let body = String::from_utf8(body).expect("text");
    Answer {
        status,
        head,
        body,
        stream,
    }
}

/// A request of somebody with a token, for a path of the preview of `port`.
pub(crate) async fn get(scene: &Scene, person: &Person, port: u16, path: &str) -> Answer {
    let (host, token) = (host(scene, port), &person.token);
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    ask(scene.address, &request).await
}

/// A request to the API.
pub(crate) async fn api(
    scene: &Scene,
    person: &Person,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, serde_json::Value) {
    let (token, length) = (&person.token, body.len());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:3001\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let answer = ask(scene.address, &request).await;
    let body = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body)
}

/// Lets a browser into the preview of `port`; gives its cookie.
pub(crate) async fn cookie(scene: &Scene, port: u16) -> String {
    let ticket = ticket(scene, port).await;
    let answer = bring(scene, port, &ticket).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let set = answer.values("set-cookie");
    let pair = set.first().and_then(|set| set.split(';').next());
    pair.expect("a cookie").to_owned()
}

/// A ticket for the preview of `port`.
pub(crate) async fn ticket(scene: &Scene, port: u16) -> String {
    let path = format!("/api/v1/workspaces/{}/previews", scene.workspace);
    let body = format!("{{\"port\":{port}}}");
    let (status, opened) = api(scene, &scene.ada, "POST", &path, &body).await;
    assert_eq!(status, 200, "{opened}");
    let url = opened["enter_url"].as_str().expect("an address");
    let (page, ticket) = url.split_once('#').expect("a ticket behind the #");
    assert_eq!(page, format!("http://{}/.nexus/enter", host(scene, port)));
    ticket.to_owned()
}

/// Brings a ticket, as the page does.
pub(crate) async fn bring(scene: &Scene, port: u16, ticket: &str) -> Answer {
    let (host, length) = (host(scene, port), ticket.len());
    let request = format!(
        "POST /.nexus/enter HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
         Sec-Fetch-Site: same-origin\r\nContent-Length: {length}\r\n\r\n{ticket}"
    );
    ask(scene.address, &request).await
}

/// Waits until the other end has closed.
pub(crate) async fn closed(mut stream: TcpStream) {
    let reading = async {
        let mut piece = [0; 1024];
        while let Ok(read) = stream.read(&mut piece).await
            && read > 0
        {}
    };
    in_time(reading).await;
}
