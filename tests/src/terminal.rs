//! A terminal over a WebSocket, as a page or a program opens it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;

/// Frames of bytes and JSON for what is said about them.
pub const BINARY: &str = "nexus.term.bin.v1";
/// JSON only.
pub const JSON: &str = "nexus.term.json.v1";

/// How long a single frame may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom to connect to, and as whom.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where the connection is made: the API, or a proxy before it.
    pub address: SocketAddr,
    /// What the client believes to talk to: the `Host` header.
    pub host: String,
    /// The bearer token; none: a stranger.
    pub token: Option<String>,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The offset of the next byte of the program, once the server has said where they begin.
    next: u64,
}

/// What the server sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Bytes of the program.
    Bytes(Vec<u8>),
    /// Something said about them.
    Said(Value),
    /// The end, with its code and reason.
    Closed(u16, String),
}

/// Why no WebSocket was opened.
#[derive(Debug)]
pub enum Refused {
    /// The server answered with this status and body.
    Status(u16, Value),
    /// The connection broke.
    Broken(anyhow::Error),
}

impl Door {
    /// Opens `path` with the subprotocols and headers given.
    ///
    /// # Errors
    /// [`Refused`] with the status where the server answered one.
    pub async fn open(
        &self,
        path: &str,
        protocols: &[&str],
        headers: &[(&str, &str)],
    ) -> Result<Socket, Refused> {
        let request = self
            .request(path, protocols, headers)
            .map_err(Refused::Broken)?;
        let broken = |error: anyhow::Error| Refused::Broken(error);
        let opened = async {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(|error| broken(error.into()))?;
            stream
                .set_nodelay(true)
                .map_err(|error| broken(error.into()))?;
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((stream, _)) => Ok(Socket { stream, next: 0 }),
                Err(Error::Http(reply)) => {
                    let body = reply.body().clone().unwrap_or_default();
                    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                    Err(Refused::Status(reply.status().as_u16(), body))
                }
                Err(error) => Err(broken(error.into())),
            }
        };
        tokio::time::timeout(PATIENCE, opened)
            .await
            .map_err(|_| broken(anyhow::anyhow!("{path}: no answer within a minute")))?
    }

    /// Opens the terminal at `path` with a plain shell in it that prints nothing by itself.
    ///
    /// # Errors
    /// When it is refused, or no shell answers.
    pub async fn shell(&self, path: &str, protocol: &str) -> anyhow::Result<Socket> {
        let mut socket = self.must_open(path, protocol).await?;
        attached(&mut socket).await?;
        // A shell that edits lines would add codes of its own to the bytes, and take for itself
        // what is typed before the next program reads.
        socket
            .type_bytes(b"exec env PS1=$((6 * 7))-plain- sh\r")
            .await?;
        socket.until("42-plain-").await?;
        socket
            .type_bytes(b"PS1=; stty -echo; echo $((6 * 7))-ready\r")
            .await?;
        socket.until("42-ready\r\n").await?;
        Ok(socket)
    }

    /// Opens `path`; a refusal is an error.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn must_open(&self, path: &str, protocol: &str) -> anyhow::Result<Socket> {
        match self.open(path, &[protocol], &[]).await {
            Ok(socket) => Ok(socket),
            Err(Refused::Status(status, body)) => bail!("{path}: {status} {body}"),
            Err(Refused::Broken(error)) => Err(error),
        }
    }

    pub(crate) fn request(
        &self,
        path: &str,
        protocols: &[&str],
        headers: &[(&str, &str)],
    ) -> anyhow::Result<tokio_tungstenite::tungstenite::handshake::client::Request> {
        let mut request = format!("ws://{}{path}", self.host).into_client_request()?;
        let mut set = |name: &str, value: &str| -> anyhow::Result<()> {
            let name: HeaderName = name.parse()?;
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value)?);
            Ok(())
        };
        if let Some(token) = &self.token {
            set("authorization", &format!("Bearer {token}"))?;
        }
        if !protocols.is_empty() {
            set("sec-websocket-protocol", &protocols.join(", "))?;
        }
        for (name, value) in headers {
            set(name, value)?;
        }
        Ok(request)
    }
}

impl Socket {
    /// The offset of the next byte of the program.
    pub fn begins(&self) -> u64 {
        self.next
    }

    /// The next frame that says something; pings are answered on the way.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes within a minute.
    pub async fn next(&mut self) -> anyhow::Result<Frame> {
        loop {
            let read = tokio::time::timeout(PATIENCE, self.stream.next());
            let message = read.await.context("no frame within a minute")?;
            match message.context("the connection ended without a goodbye")?? {
                Message::Binary(bytes) => {
                    self.next += bytes.len() as u64;
                    return Ok(Frame::Bytes(bytes.into()));
                }
                Message::Text(text) => {
                    let word: Value = serde_json::from_str(&text)?;
                    if let Some(from) = word["from"].as_u64() {
                        self.next = from;
                    }
                    return Ok(Frame::Said(word));
                }
                Message::Close(None) => return Ok(Frame::Closed(1005, String::new())),
                Message::Close(Some(CloseFrame { code, reason })) => {
                    return Ok(Frame::Closed(code.into(), reason.to_string()));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Bytes for the program.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn type_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.send(Message::Binary(bytes.to_vec().into())).await
    }

    /// A word of the protocol.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn say(&mut self, word: &Value) -> anyhow::Result<()> {
        self.send(Message::Text(word.to_string().into())).await
    }

    /// Any message.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        Ok(self.stream.send(message).await?)
    }

    /// Reads until what the program printed since now holds `text`; returns all of it.
    ///
    /// # Errors
    /// When the connection ends before.
    pub async fn until(&mut self, text: &str) -> anyhow::Result<String> {
        let mut seen = Vec::new();
        loop {
            match self.next().await? {
                Frame::Bytes(bytes) => seen.extend(bytes),
                Frame::Said(word) if word["type"] == "output" => {
                    seen.extend(word["data"].as_str().unwrap_or_default().as_bytes());
                }
                Frame::Said(_) => {}
                Frame::Closed(code, reason) => {
                    bail!("closed with {code} ({reason}) before `{text}` came: {seen:?}")
                }
            }
            let shown = String::from_utf8_lossy(&seen);
            if shown.contains(text) {
                return Ok(shown.into_owned());
            }
        }
    }

    /// Reads until the server says something of this type.
    ///
    /// # Errors
    /// When the connection ends before.
    pub async fn told(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            match self.next().await? {
                Frame::Said(word) if word["type"] == kind => return Ok(word),
                Frame::Said(_) | Frame::Bytes(_) => {}
                Frame::Closed(code, reason) => {
                    bail!("closed with {code} ({reason}) before `{kind}` came")
                }
            }
        }
    }

    /// Reads until the end; returns its code and reason.
    ///
    /// # Errors
    /// When the connection breaks without one.
    pub async fn closed(&mut self) -> anyhow::Result<(u16, String)> {
        loop {
            if let Frame::Closed(code, reason) = self.next().await? {
                return Ok((code, reason));
            }
        }
    }

    /// How long one keystroke takes until the terminal shows it.
    ///
    /// # Errors
    /// When the connection ends before.
    pub async fn echo(&mut self, letter: u8) -> anyhow::Result<Duration> {
        let begins = std::time::Instant::now();
        self.type_bytes(&[letter]).await?;
        loop {
            match self.next().await? {
                Frame::Bytes(bytes) if bytes.contains(&letter) => return Ok(begins.elapsed()),
                Frame::Bytes(_) | Frame::Said(_) => {}
                Frame::Closed(code, reason) => bail!("closed with {code} ({reason})"),
            }
        }
    }
}

/// The session `session` of `workspace` as a path, from byte `after` on.
pub fn path(workspace: &str, session: &str, after: Option<u64>) -> String {
    let mut path = format!("/api/v1/workspaces/{workspace}/terminal?session={session}");
    if let Some(after) = after {
        path.push_str(&format!("&after={after}"));
    }
    path
}

/// What a client says when it has taken all bytes below `offset`.
pub fn taken(offset: u64) -> Value {
    json!({ "type": "ack", "offset": offset })
}

/// The first word of every terminal: which session it is and where its bytes begin.
///
/// # Errors
/// When another word comes first.
pub async fn attached(socket: &mut Socket) -> anyhow::Result<Value> {
    loop {
        match socket.next().await? {
            Frame::Said(word) if word["type"] == "status" => {}
            Frame::Said(word) => {
                ensure!(
                    word["type"] == "attached",
                    "another word came first: {word}"
                );
                return Ok(word);
            }
            other => bail!("something else came first: {other:?}"),
        }
    }
}
