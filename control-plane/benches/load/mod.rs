//! A load of HTTP requests over connections that are kept, each sending the next request once it
//! has the answer to the one before.
//!
//! It runs on the one thread of whoever measures and looks at no more of an answer than it has to:
//! what the load itself costs is in both sides of a ratio and hides how they differ.

pub(crate) mod ended;
pub(crate) mod haproxy;
pub(crate) mod served;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How fast something answered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Speed {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
}

/// Runs a measurement on one thread.
pub(crate) fn on_one_thread(measurement: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(measurement);
}

/// Sends `request` over `connections` for `time`, and then some that are not counted.
pub(crate) async fn load(
    address: SocketAddr,
    request: &str,
    connections: usize,
    time: Duration,
) -> Speed {
    let ends = Instant::now() + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(one(address, request.to_owned(), ends)))
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("it ends"));
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    Speed {
        rate: times.len() as f64 / time.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    }
}

async fn one(address: SocketAddr, request: String, ends: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a TCP option");
    let (mut times, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let mut begins = Instant::now();
    while begins < ends {
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("it is sent");
        answer(&mut stream, &mut buffer).await;
        let now = Instant::now();
        times.push(now - begins);
        begins = now;
    }
    times
}

/// Reads one answer, by its length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let (mut filled, mut whole) = (0, None);
    while whole.is_none_or(|whole| filled < whole) {
        let read = stream.read(&mut buffer[filled..]).await;
        let read = read.expect("an answer");
        assert_ne!(read, 0, "the connection was closed");
        filled += read;
        whole = whole.or_else(|| length(&buffer[..filled]));
    }
    assert_eq!(whole, Some(filled), "more than was asked for");
}

/// How long an answer is, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let head = answer.windows(END.len()).position(|four| four == END)?;
    let text = std::str::from_utf8(&answer[..head]).expect("a head is text");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().expect("a number"))
    });
    Some(head + END.len() + body.expect("a length"))
}

/// The middle one of several rounds, by rate.
pub(crate) fn middle(mut rounds: Vec<Speed>) -> Speed {
    rounds.sort_unstable_by(|one, other| one.rate.total_cmp(&other.rate));
    rounds[rounds.len() / 2]
}
