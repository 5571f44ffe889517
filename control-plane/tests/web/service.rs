//! A service of the test's own: it tells what reaches it, and does what services do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of `/big`.
pub(crate) const BIG: u64 = 1 << 30;

/// Bytes of `/early`: more than waits in sockets.
pub(crate) const EARLY: usize = 32 << 20;

/// A service on a loopback port.
pub(crate) struct Service {
    pub(crate) port: u16,
    /// The head of every request that came.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(loopback).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let theirs = Arc::clone(&seen);
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&theirs)));
            }
        });
        Self {
            port,
            seen,
            connections,
        }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.lock().expect("no test panicked in it").clone()
    }
}

/// Serves one connection; it ends with whoever is at its other end.
async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(head) = read_head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().expect("nobody panicked").push(head.clone());
        if head.contains("transfer-encoding: chunked") && skip_chunks(&mut stream).await.is_none() {
            return;
        }
        let done = match path.as_str() {
            "/count" => count(&mut stream, &head).await,
            "/big" => big(&mut stream).await,
            "/drip" => drip(&mut stream).await,
            "/early" => early(&mut stream, &head).await,
            "/last" => {
                // It does not say that it hangs up.
                let _told = answer(&mut stream, "", "last").await;
                return;
            }
            "/to-the-end" => {
                let text = b"HTTP/1.0 200 OK\r\n\r\nto the end";
                let _told = stream.write_all(text).await;
                return;
            }
            "/none" => raw(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n").await,
            "/same" => {
                let text = "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n";
                raw(&mut stream, text).await
            }
            "/head" => raw(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await,
            "/pieces" => pieces(&mut stream, "").await,
            "/trailed" => pieces(&mut stream, "x-trailer: 1\r\n").await,
            "/hints" => {
                let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
                let hinted = raw(&mut stream, hints).await;
                match hinted {
                    Some(()) => answer(&mut stream, "", &head).await,
                    None => None,
                }
            }
            "/ws" => return echo(&mut stream).await,
            "/cookies" => {
                let cookies = "set-cookie: theirs=1; Path=/\r\n\
                    set-cookie: __Host-nexus=x; Path=/; Secure\r\n\
                    set-cookie: wide=1; Domain=preview.localhost\r\n";
                answer(&mut stream, cookies, "").await
            }
            _ => answer(&mut stream, "", &head).await,
        };
        if done.is_none() {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Reads a body that comes in pieces, and forgets it.
async fn skip_chunks(stream: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"0\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(())
}

async fn answer(stream: &mut TcpStream, headers: &str, body: &str) -> Option<()> {
    let length = body.len();
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(text.as_bytes()).await.ok()
}

async fn raw(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).await.ok()
}

/// An answer in pieces, with `trailers` behind them.
async fn pieces(stream: &mut TcpStream, trailers: &str) -> Option<()> {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let text = format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n{trailers}\r\n");
    raw(stream, &text).await
}

/// Answers at length first, and reads the body then.
async fn early(stream: &mut TcpStream, head: &str) -> Option<()> {
    let answer = vec![b'x'; EARLY];
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {EARLY}\r\n\r\n");
    raw(stream, &text).await?;
    let (mut reads, mut writes) = stream.split();
    let length = length(head)?;
    let (written, read) = tokio::join!(writes.write_all(&answer), skip(&mut reads, length));
    written.ok()?;
    read
}

fn length(head: &str) -> Option<usize> {
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length?.parse().ok()
}

/// Reads so many bytes, and forgets them.
async fn skip(from: &mut (impl AsyncRead + Unpin), length: usize) -> Option<()> {
    let (mut left, mut piece) = (length, vec![0; 64 * 1024]);
    while left > 0 {
        let most = left.min(piece.len());
        let read = from.read(&mut piece[..most]).await.ok()?;
        if read == 0 {
            return None;
        }
        left -= read;
    }
    Some(())
}

/// Reads a body of known length, and tells how much there was.
async fn count(stream: &mut TcpStream, head: &str) -> Option<()> {
    let length = length(head)?;
    skip(stream, length).await?;
    answer(stream, "", &length.to_string()).await
}

async fn big(stream: &mut TcpStream) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BIG}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let piece = vec![7; 256 * 1024];
    for _ in 0..BIG / piece.len() as u64 {
        stream.write_all(&piece).await.ok()?;
    }
    Some(())
}

/// An answer that never ends by itself.
async fn drip(stream: &mut TcpStream) -> Option<()> {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndrip\r\n";
    stream.write_all(head).await.ok()?;
    // Until the other end is closed.
    let mut nothing = [0];
    stream
        .read(&mut nothing)
        .await
        .ok()
        .filter(|read| *read > 0)?;
    Some(())
}

/// A protocol of its own once it was changed to.
async fn echo(stream: &mut TcpStream) {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
    if stream.write_all(head).await.is_err() {
        return;
    }
    let (mut reads, mut writes) = stream.split();
    let _hung_up = tokio::io::copy(&mut reads, &mut writes).await;
}
