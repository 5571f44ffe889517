//! A viewer of a terminal, frame by frame.

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::scene::{Scene, in_time};

/// One frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    Told(Value),
    Bytes(Bytes),
    /// The close code and its reason.
    Closed(u16, String),
    /// Gone without a word.
    Lost,
}

/// Somebody who watches.
pub(crate) struct Viewer {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) protocol: Option<String>,
    /// Number of the next byte.
    pub(crate) at: u64,
}

impl Viewer {
    /// Ada opens `path`.
    pub(crate) async fn open(scene: &Scene, path: &str) -> Self {
        let bearer = format!("Bearer {}", scene.ada.token);
        let opened = Self::try_open(scene, path, &[("authorization", &bearer)]).await;
        opened.expect("it is opened")
    }

    /// Ada opens the session `main` of her workspace, and is attached.
    pub(crate) async fn attached(scene: &Scene, query: &str) -> (Self, Value) {
        let path = format!("/api/v1/workspaces/hello/terminal?{query}");
        let mut viewer = Self::open(scene, &path).await;
        let attached = viewer.told().await;
        assert_eq!(attached["type"], "attached", "{attached}");
        viewer.at = attached["from"].as_u64().expect("a number");
        (viewer, attached)
    }

    pub(crate) async fn try_open(
        scene: &Scene,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, StatusCode> {
        let url = format!("ws://{}{path}", scene.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let value = value.parse().expect("a header");
            request.headers_mut().append(*name, value);
        }
        let stream = TcpStream::connect(scene.address).await.expect("it listens");
        match in_time(client_async(request, stream)).await {
            Ok((socket, response)) => Ok(Self {
                socket,
                protocol: response
                    .headers()
                    .get("sec-websocket-protocol")
                    .map(|value| value.to_str().expect("text").to_owned()),
                at: 0,
            }),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            let frame = match in_time(self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => {
                    self.at += bytes.len() as u64;
                    Frame::Bytes(bytes)
                }
                Some(Ok(Message::Text(text))) => {
                    let told: Value = serde_json::from_str(&text).expect("JSON");
                    if told["type"] == "gap" {
                        self.at = told["from"].as_u64().expect("a number");
                    }
                    Frame::Told(told)
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    Frame::Closed(close.code.into(), close.reason.to_string())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(None))) | Some(Err(_)) | None => Frame::Lost,
            };
            return frame;
        }
    }

    /// The next frame that is JSON; bytes before it are passed over.
    pub(crate) async fn told(&mut self) -> Value {
        loop {
            match self.next().await {
                Frame::Told(told) => return told,
                Frame::Bytes(_) => {}
                frame => panic!("{frame:?}"),
            }
        }
    }

    /// The end, and everything told before it.
    pub(crate) async fn end(&mut self) -> (Vec<Value>, u16, String) {
        let mut told = Vec::new();
        loop {
            match self.next().await {
                Frame::Told(one) => told.push(one),
                Frame::Bytes(_) => {}
                Frame::Closed(code, reason) => return (told, code, reason),
                Frame::Lost => panic!("gone without a word, after {told:?}"),
            }
        }
    }

    /// Reads up to `text`; gives all that was shown.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut shown = Vec::new();
        while !String::from_utf8_lossy(&shown).contains(text) {
            match self.next().await {
                Frame::Bytes(bytes) => shown.extend_from_slice(&bytes),
                Frame::Told(told) if told["type"] == "output" => {
                    shown.extend_from_slice(told["data"].as_str().expect("text").as_bytes());
                }
                Frame::Told(_) => {}
                frame => panic!("{frame:?} after {:?}", String::from_utf8_lossy(&shown)),
            }
        }
        String::from_utf8_lossy(&shown).into_owned()
    }

    pub(crate) async fn type_in(&mut self, text: &str) {
        self.send(Message::Binary(Bytes::copy_from_slice(text.as_bytes())))
            .await;
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.send(Message::Text(frame.to_string().into())).await;
    }

    pub(crate) async fn ack(&mut self) {
        let offset = self.at;
        self.say(json!({"type": "ack", "offset": offset})).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        in_time(self.socket.send(message))
            .await
            .expect("it is sent");
    }
}
