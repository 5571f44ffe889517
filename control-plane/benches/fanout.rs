//! P9: how long an event takes to 50 WebSocket clients, against one bare tail that writes what it
//! reads to 50 sockets.
//!
//! From the moment the event is handed to the log until a client has its whole frame. Both sides
//! have a log of their own and the same clients, and take turns, so both see the same machine.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::Timestamp;
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::commands::{RequestContext, TokenRequest};
use nexus_control_plane::http::{self, HostNames, Listeners, bind_network};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::settings::Settings;
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId, UserId, WorkspaceId};
use nexus_events::user::Scope;
use nexus_events::view::RegisterUserRequest;
use nexus_nats::testing::TestServer;
use nexus_nats::{Append, Expected, Filter, From, Log, NewEvent};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CLIENTS: usize = 50;
const ROUNDS: usize = 400;
/// Rounds that fill caches and are not counted.
const WARM_UP: usize = 40;
const TARGET: f64 = 2.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .all(|word| word == "P9")
    {
        return;
    }
    let bare_server = TestServer::start().await;
    let bare_log = Backbone::on(&bare_server.bus().await).log;
    let mut bare = Side::new(bare_log.clone(), serve_bare(bare_log).await).await;

    let server = TestServer::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let (settings, backbone) = (
        Settings::in_home(home.path()),
        Backbone::on(&server.bus().await),
    );
    let log = backbone.log.clone();
    let options = Options {
        settings,
        backbone,
        clock: Clock::system(),
    };
    let plane = Plane::start(options).await.expect("a plane");
    let stop = CancellationToken::new();
    let (address, serving) = serve_nexus(&plane, stop.clone()).await;
    let mut nexus = Side::new(log, follow_nexus(&plane.app(), address).await).await;

    for round in 0..WARM_UP + ROUNDS {
        bare.round(round >= WARM_UP).await;
        nexus.round(round >= WARM_UP).await;
    }
    for (what, share) in [("p50", 0.50), ("p99", 0.99)] {
        report(what, bare.quantile(share), nexus.quantile(share));
    }
    stop.cancel();
    serving.await.expect("it ends");
    plane.shutdown().await;
}

/// A log, and 50 clients that are told of every event in it.
struct Side {
    log: Log,
    arrivals: mpsc::Receiver<Instant>,
    sequence: u64,
    times: Vec<Duration>,
}

impl Side {
    async fn new(log: Log, clients: Vec<BufReader<TcpStream>>) -> Self {
        let (arrived, arrivals) = mpsc::channel(CLIENTS);
        for client in clients {
            tokio::spawn(read_frames(client, arrived.clone()));
        }
        Self {
            log,
            arrivals,
            sequence: 0,
            times: Vec::new(),
        }
    }

    /// One event, until every client has it.
    async fn round(&mut self, counted: bool) {
        let (workspace, at) = (WorkspaceId::derived("bench"), Timestamp::now());
        let id = ClaimId::Name {
            owner: UserId::derived("bench"),
            name: "x".parse().expect("a name"),
        };
        let event = NewEvent::of(&Envelope::new(
            context(at),
            &id,
            ClaimEvent::Claimed { workspace, at },
        ));
        let event = event.expect("an event");
        let begins = Instant::now();
        let appended = self.log.append(Expected::of(self.sequence), &event).await;
        self.sequence = match appended.expect("it is stored") {
            Append::Stored { sequence } | Append::Repeated { sequence } => sequence,
            Append::Conflict { actual } => panic!("nobody else writes here: {actual}"),
        };
        for _ in 0..CLIENTS {
            let arrival = self.arrivals.recv().await.expect("a client reads");
            if counted {
                self.times.push(arrival - begins);
            }
        }
    }

    fn quantile(&mut self, share: f64) -> Duration {
        self.times.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "an index of a few thousand"
        )]
        let index = ((self.times.len() - 1) as f64 * share).round() as usize;
        self.times[index]
    }
}

fn context(at: Timestamp) -> Context {
    Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at,
        actor: Actor::system("bench"),
        correlation: CorrelationId::derived("bench"),
        causation: None,
        traceparent: None,
    }
}

/// Reads text frames (RFC 6455, section 5.2, unmasked) and says when each was whole.
async fn read_frames(mut stream: BufReader<TcpStream>, arrived: mpsc::Sender<Instant>) {
    let mut payload = Vec::new();
    loop {
        let mut head = [0; 2];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let length = match head[1] {
            126 => usize::from(stream.read_u16().await.expect("a length")),
            127 => usize::try_from(stream.read_u64().await.expect("a length")).expect("it fits"),
            short => usize::from(short),
        };
        payload.resize(length, 0);
        stream
            .read_exact(&mut payload)
            .await
            .expect("a whole frame");
        if head[0] == 0x81 && arrived.send(Instant::now()).await.is_err() {
            return;
        }
    }
}

/// One tail that writes each event, framed once, to every socket.
async fn serve_bare(log: Log) -> Vec<BufReader<TcpStream>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (mut clients, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let client = TcpStream::connect(address).await.expect("it listens");
        let (socket, _) = listener.accept().await.expect("a client");
        socket.set_nodelay(true).expect("a TCP option");
        clients.push(BufReader::new(client));
        sockets.push(socket);
    }
    let mut tail = log.tail(From::start(), Filter::All);
    tokio::spawn(async move {
        while let Ok(recorded) = tail.next().await {
            let length = u16::try_from(recorded.payload.len()).expect("a small event");
            let mut frame = vec![0x81, 126];
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&recorded.payload);
            for socket in &mut sockets {
                socket.write_all(&frame).await.expect("a client reads");
            }
        }
    });
    clients
}

async fn serve_nexus(
    plane: &Plane,
    stop: CancellationToken,
) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let network = bind_network("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = network.local_addr().expect("its address");
    let router = http::router(plane.app(), HostNames::loopback_and([]), stop.clone());
    let listeners = Listeners {
        network: Some(network),
        local: None,
    };
    (address, tokio::spawn(http::serve(router, listeners, stop)))
}

/// Clients of two users, as one may have 32 tails; each has been told everything so far.
async fn follow_nexus(app: &App, address: SocketAddr) -> Vec<BufReader<TcpStream>> {
    let tokens = [token(app, "ada", 1).await, token(app, "grace", 2).await];
    let after = app.queries().sequence();
    let mut clients = Vec::new();
    for token in tokens.iter().cycle().take(CLIENTS) {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!(
            "GET /api/v1/events/ws?after={after} HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        clients.push(BufReader::new(stream));
    }
    clients
}

/// An administrator's token of a new user.
async fn token(app: &App, login: &str, github_id: u64) -> String {
    let mut key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    key.extend_from_slice(&Sha256::digest(login));
    let request = RegisterUserRequest {
        github_username: login.parse().expect("a login"),
        github_id,
        ssh_pubkey: format!("ssh-ed25519 {}", STANDARD.encode(&key)),
        ssh_pubkey_fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&key))),
    };
    let context = RequestContext::new(app.now());
    let commands = app.commands();
    let user = commands
        .register_user(&Identity::Operator, request, &context)
        .await;
    let request = TokenRequest {
        user: Some(user.expect("a user").value.user_id),
        scope: Some(Scope::Admin),
        expires_in_seconds: None,
    };
    let issued = commands
        .issue_token(&Identity::Operator, request, &context)
        .await;
    let issued = issued.expect("a token");
    app.queries()
        .wait_for(issued.sequence, Duration::from_secs(5))
        .await
        .expect("it is projected");
    issued.value.token
}

fn report(what: &str, floor: Duration, figure: Duration) {
    let (floor, figure) = (
        floor.as_secs_f64() * 1_000.0,
        figure.as_secs_f64() * 1_000.0,
    );
    let ratio = figure / floor;
    let verdict = if ratio <= TARGET { "ok" } else { "missed" };
    println!(
        "P9    floor {floor:>9.2} ms  figure {figure:>9.2} ms  ratio {ratio:>5.2} \
         target <= {TARGET:<5} {verdict} ({what})"
    );
}
