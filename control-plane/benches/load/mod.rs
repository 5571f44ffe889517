//! A load of HTTP requests over connections that are kept, each sending the next request once it
//! has the answer to the one before.

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
    loop {
        let begins = Instant::now();
        if begins >= ends {
            return times;
        }
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("it is sent");
        answer(&mut stream, &mut buffer).await;
        times.push(begins.elapsed());
    }
}

/// Reads one answer, by its length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await;
        let read = read.expect("an answer");
        assert_ne!(read, 0, "the connection was closed");
        filled += read;
        let text = String::from_utf8_lossy(&buffer[..filled]);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(head.starts_with("HTTP/1.1 200"), "{text}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let named = name.eq_ignore_ascii_case("content-length");
            named.then(|| value.trim().parse::<usize>().expect("a number"))
        });
        if filled >= head.len() + 4 + length.expect("a length") {
            return;
        }
    }
}

/// The middle one of several rounds, by rate.
pub(crate) fn middle(mut rounds: Vec<Speed>) -> Speed {
    rounds.sort_unstable_by(|one, other| one.rate.total_cmp(&other.rate));
    rounds[rounds.len() / 2]
}
