//! What the link costs: bytes and keystrokes to a workspace's init on every way.
//!
//! Each figure stands beside its floor, measured in the same run: one TCP connection over
//! loopback, from the same writer to the same reader, with nothing between; for
//! `link-relay-messages` it is bare messages of the same size over the same server. A row is
//! `id floor figure ratio target ok|missed`; rates are in MiB a second, times in milliseconds.
//! With an argument, only rows whose id contains it are measured. `NEXUS_BENCH_MIB` sets how much
//! is carried (512 unless told).
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use nexus_events::id::WorkspaceId;
use nexus_events::node::Heartbeat;
use nexus_nats::link::relay::WINDOW;
use nexus_nats::link::tls::{LinkKey, TlsListen};
use nexus_nats::link::{Doors, LinkListen, LinkOptions, LinkStream, Links, Way, serve};
use nexus_nats::testing::{TestServer, node};
use nexus_nats::{Heartbeats, Role};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Samples of each, taken in turns so that both see the same machine.
const SAMPLES: usize = 5;
/// Round trips in one sample.
const KEYSTROKES: usize = 2_000;
/// Bytes written or read at once.
const PIECE: usize = 64 << 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let world = World::new().await;
    for (way, rate, time) in [
        (Way::Direct, 0.9, 1.2),
        (Way::Tls, 0.3, 2.5),
        (Way::Relay, 0.2, 6.0),
    ] {
        let is_wanted = |id: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| id.contains(wanted.as_str()))
        };
        let id = format!("link-{way}-rate");
        if is_wanted(&id) {
            world.rate(&id, way, rate).await;
        }
        let id = format!("link-{way}-echo");
        if is_wanted(&id) {
            world.echo(&id, way, time).await;
        }
    }
    let id = "link-relay-messages";
    if wanted.is_none_or(|wanted| id.contains(wanted.as_str())) {
        world.messages(id, 0.6).await;
    }
}

/// A gateway for each way, and one worker.
struct World {
    server: TestServer,
    _folder: tempfile::TempDir,
    direct: Links,
    tls: Links,
    relay: Links,
    inside: tokio::sync::Mutex<mpsc::UnboundedReceiver<UnixStream>>,
}

struct AnyDoor(mpsc::UnboundedSender<UnixStream>);

impl Doors for AnyDoor {
    fn open(&self, _: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>> {
        let pair = UnixStream::pair().and_then(|(ours, theirs)| {
            self.0.send(theirs).map_err(io::Error::other)?;
            Ok(ours)
        });
        std::future::ready(pair).boxed()
    }
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let bus = server.bus().await;
        let folder = tempfile::tempdir().expect("a folder");
        let listen = LinkListen::at(&folder.path().join("link.sock")).expect("a socket");
        let key = LinkKey::kept_in(&folder.path().join("link.key")).expect("a key");
        let tls = TlsListen::at(([127, 0, 0, 1], 0).into(), None, &key);
        let listen = listen.and_tls(tls.expect("a port"));
        let worker = server.worker_bus().await;
        let heartbeat = Heartbeat {
            node: node(),
            at: jiff::Timestamp::now(),
            running: Vec::new(),
            free_slots: 1,
            link: listen.addresses(),
        };
        let beat = Heartbeats::on(&worker).beat(&heartbeat).await;
        beat.expect("a heartbeat");
        let (sender, inside) = mpsc::unbounded_channel();
        let (doors, stop) = (Arc::new(AnyDoor(sender)), CancellationToken::new());
        tokio::spawn(serve(worker, node(), doors, listen, stop));
        let on = |way| Links::on(&bus, LinkOptions::only(way));
        Self {
            direct: on(Way::Direct),
            tls: on(Way::Tls),
            relay: on(Way::Relay),
            inside: tokio::sync::Mutex::new(inside),
            server,
            _folder: folder,
        }
    }

    async fn open(&self, way: Way) -> (LinkStream, UnixStream) {
        let links = match way {
            Way::Direct => &self.direct,
            Way::Tls => &self.tls,
            Way::Relay => &self.relay,
        };
        let workspace = WorkspaceId::derived("a workspace");
        let stream = links.open(node(), workspace).await.expect("a stream");
        let inside = self.inside.lock().await.recv().await;
        (stream, inside.expect("its inner end"))
    }

    /// Bytes from inside to the gateway.
    async fn rate(&self, id: &str, way: Way, target: f64) {
        let mebibytes = mebibytes();
        let (mut floors, mut figures) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let (reader, writer) = loopback().await;
            floors.push(carry(writer, reader, mebibytes).await);
            let (outside, inside) = self.open(way).await;
            figures.push(carry(inside, outside, mebibytes).await);
        }
        report_rate(id, median(floors), median(figures), target);
    }

    /// The same over the relay, beside bare messages.
    async fn messages(&self, id: &str, target: f64) {
        let mebibytes = mebibytes();
        let (mut floors, mut figures) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            floors.push(self.bare(mebibytes).await);
            let (outside, inside) = self.open(Way::Relay).await;
            figures.push(carry(inside, outside, mebibytes).await);
        }
        report_rate(id, median(floors), median(figures), target);
    }

    /// MiB a second of messages, as many under way as the relay has.
    async fn bare(&self, mebibytes: usize) -> f64 {
        // What a worker may publish and the control plane hears.
        let subject = format!("{}.link.{}.a.bench", Role::ControlPlane.inbox(), node());
        let client = async |role| {
            let seed = std::fs::read_to_string(self.server.embedded().seed_file(role));
            let seed = seed.expect("the seed").trim().to_owned();
            let options = async_nats::ConnectOptions::with_nkey(seed);
            let connected = options.connect(self.server.url()).await;
            connected.expect("a connection")
        };
        let near = client(Role::ControlPlane).await;
        let far = client(Role::Worker(node())).await;
        let mut messages = near.subscribe(subject.clone()).await.expect("messages");
        near.flush().await.expect("the subscription");
        let room = Arc::new(Semaphore::new(WINDOW / PIECE));
        let taken = Arc::clone(&room);
        let begun = Instant::now();
        tokio::spawn(async move {
            let piece = bytes::Bytes::from(vec![7; PIECE]);
            for _ in 0..(mebibytes << 20) / PIECE {
                room.acquire().await.expect("it is never closed").forget();
                let sent = far.publish(subject.clone(), piece.clone()).await;
                sent.expect("a message");
            }
        });
        for _ in 0..(mebibytes << 20) / PIECE {
            messages.next().await.expect("a message");
            taken.add_permits(1);
        }
        mebibytes as f64 / begun.elapsed().as_secs_f64()
    }

    /// A byte to init and back.
    async fn echo(&self, id: &str, way: Way, target: f64) {
        let (mut floors, mut figures) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let (near, far) = loopback().await;
            floors.push(keystrokes(near, far).await);
            let (outside, inside) = self.open(way).await;
            figures.push(keystrokes(outside, inside).await);
        }
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (floor, figure) = (milliseconds(median(floors)), milliseconds(median(figures)));
        let ratio = figure / floor;
        let verdict = if ratio <= target { "ok" } else { "missed" };
        println!("{id} {floor:.3}ms {figure:.3}ms {ratio:.2} <={target} {verdict}");
    }
}

fn mebibytes() -> usize {
    let told = std::env::var("NEXUS_BENCH_MIB").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(512)
}

/// A rate: higher is better.
fn report_rate(id: &str, floor: f64, figure: f64, target: f64) {
    let ratio = figure / floor;
    let verdict = if ratio >= target { "ok" } else { "missed" };
    println!("{id} {floor:.0}MiB/s {figure:.0}MiB/s {ratio:.2} >={target} {verdict}");
}

async fn loopback() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = (near.expect("a connection"), far.expect("its other end").0);
    for end in [&near, &far] {
        end.set_nodelay(true).expect("an option");
    }
    (near, far)
}

/// MiB a second from `writer` to the end at `reader`.
async fn carry(
    mut writer: impl AsyncWrite + Unpin + Send + 'static,
    mut reader: impl AsyncRead + Unpin,
    mebibytes: usize,
) -> f64 {
    let begun = Instant::now();
    tokio::spawn(async move {
        let piece = vec![7; PIECE];
        for _ in 0..(mebibytes << 20) / PIECE {
            writer.write_all(&piece).await.expect("a write");
        }
        writer.shutdown().await.expect("the end");
    });
    let (mut piece, mut came) = (vec![0; PIECE], 0);
    loop {
        match reader.read(&mut piece).await.expect("a read") {
            0 => break,
            some => came += some,
        }
    }
    assert_eq!(came, mebibytes << 20, "every byte comes");
    mebibytes as f64 / begun.elapsed().as_secs_f64()
}

/// The median round trip of a byte.
async fn keystrokes(
    mut near: impl AsyncRead + AsyncWrite + Unpin,
    mut far: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Duration {
    tokio::spawn(async move {
        let mut key = [0];
        while far.read_exact(&mut key).await.is_ok() {
            far.write_all(&key).await.expect("an echo");
        }
    });
    let mut times = Vec::with_capacity(KEYSTROKES);
    let mut key = [7];
    for _ in 0..KEYSTROKES {
        let begun = Instant::now();
        near.write_all(&key).await.expect("a keystroke");
        near.read_exact(&mut key).await.expect("its echo");
        times.push(begun.elapsed());
    }
    median(times)
}

fn median<T: PartialOrd + Copy>(mut samples: Vec<T>) -> T {
    samples.sort_by(|a, b| a.partial_cmp(b).expect("times and rates are numbers"));
    samples[samples.len() / 2]
}
