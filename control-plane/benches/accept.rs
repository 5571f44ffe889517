//! P8: how long a command takes to be accepted, against one append on the same log.
//!
//! Over HTTP with a token, as a client does it, on a server that waits for the disk. Creating
//! claims a name and a port and then requests the workspace: three appends in two rounds.
//! Stopping is one append. Floor and figures are taken in turns, so all see the same machine.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::commands::{RequestContext, TokenRequest};
use nexus_control_plane::http::{self, HostNames, Listeners, bind_network};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::settings::Settings;
use nexus_events::aggregate::Aggregate as _;
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId, NodeId, UserId, WorkspaceId};
use nexus_events::node::{Node, NodeCommand, NodeProfile};
use nexus_events::spec::{Capabilities, Provider};
use nexus_events::user::Scope;
use nexus_events::view::RegisterUserRequest;
use nexus_nats::embedded::Durability;
use nexus_nats::testing::TestServer;
use nexus_nats::{Append, Expected, Log, NewEvent, Repository, Snapshot};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const ROUNDS: usize = 300;
const TARGET: f64 = 3.0;
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .all(|word| word == "P8")
    {
        return;
    }
    let server = TestServer::with(Durability::Always).await;
    let home = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::in_home(home.path());
    settings.ssh_ports = vec![20_000..=60_000];
    let backbone = Backbone::on(&server.bus().await);
    let log = backbone.log.clone();
    let plane = Plane::start(Options {
        settings,
        backbone,
        clock: Clock::system(),
    })
    .await
    .expect("a plane");
    let token = prepare(&plane.app(), &log).await;
    let stop = CancellationToken::new();
    let network = bind_network("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let address = network.local_addr().expect("its address");
    let router = http::router(plane.app(), HostNames::loopback_and([]), stop.clone());
    let listeners = Listeners {
        network: Some(network),
        local: None,
    };
    let serving = tokio::spawn(http::serve(router, listeners, stop.clone()));

    let mut client = Client {
        stream: TcpStream::connect(address).await.expect("it listens"),
        token,
    };
    client.stream.set_nodelay(true).expect("a TCP option");
    let (mut appends, mut creates, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    let mut sequence = 0;
    for round in 0..ROUNDS {
        sequence = append(&log, sequence, round, &mut appends).await;
        let body = format!(r#"{{"name":"w{round}","spec":{{"provider":"fake"}}}}"#);
        client
            .post("/api/v1/workspaces?owner=ada", &body, &mut creates)
            .await;
        let path = format!("/api/v1/workspaces/w{round}/stop");
        // Wait until it can be found by its name.
        let last = log.info().await.expect("the log").last_sequence;
        plane
            .app()
            .queries()
            .wait_for(last, Duration::from_secs(5))
            .await
            .expect("it comes");
        client.post(&path, "", &mut stops).await;
    }
    report("create", &mut appends.clone(), &mut creates);
    report("stop", &mut appends, &mut stops);
    stop.cancel();
    drop(client);
    serving.await.expect("it ends");
    plane.shutdown().await;
}

/// A user, a node and an administrator's token.
async fn prepare(app: &App, log: &Log) -> String {
    let context = RequestContext::new(app.now());
    let request = RegisterUserRequest {
        github_username: "ada".parse().expect("a login"),
        github_id: 1,
        ssh_pubkey: KEY.into(),
        ssh_pubkey_fingerprint: "SHA256:OOpAkHwwXjPqwPBvKDBjDdsXzMDZgyfi+qDv/qtZ5Sw".into(),
    };
    let mut request = request;
    let registered = match app
        .commands()
        .register_user(&Identity::Operator, request.clone(), &context)
        .await
    {
        Ok(registered) => registered,
        // The answer names the right fingerprint.
        Err(error) => {
            let problem = nexus_events::problem::Problem::from(error);
            let right = problem.errors[0]
                .cause
                .rsplit(' ')
                .next()
                .expect("a word")
                .to_owned();
            request.ssh_pubkey_fingerprint = right;
            let again = app
                .commands()
                .register_user(&Identity::Operator, request, &context);
            again.await.expect("a user")
        }
    };
    join_node(app, log).await;
    let request = TokenRequest {
        user: Some(registered.value.user_id),
        scope: Some(Scope::Admin),
        expires_in_seconds: None,
    };
    let issued = app
        .commands()
        .issue_token(&Identity::Operator, request, &context)
        .await;
    let issued = issued.expect("a token");
    app.queries()
        .wait_for(issued.sequence, Duration::from_secs(5))
        .await
        .expect("it is projected");
    issued.value.token
}

async fn join_node(app: &App, log: &Log) {
    let profile = NodeProfile {
        provider: Provider::Fake,
        hostname: "here".into(),
        engine: "none".into(),
        version: "1".into(),
        slots: 1,
        capabilities: Capabilities::default(),
    };
    let join = NodeCommand::Join {
        profile,
        at: app.now(),
    };
    let nodes = Repository::<Node>::new(log.clone());
    let node = NodeId::derived("bench");
    let decide = |state: &Node| state.decide(&join);
    nodes
        .execute(&node, Snapshot::empty(), decide, || context(app.now()))
        .await
        .expect("a node joins");
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

/// The floor: one append to an aggregate whose sequence is remembered.
async fn append(log: &Log, sequence: u64, round: usize, times: &mut Vec<Duration>) -> u64 {
    let owner = UserId::derived("floor");
    let id = ClaimId::Name {
        owner,
        name: "floor".parse().expect("a name"),
    };
    let (workspace, at) = (WorkspaceId::derived("floor"), Timestamp::now());
    let event = match round % 2 {
        0 => ClaimEvent::Claimed { workspace, at },
        _ => ClaimEvent::Released { workspace, at },
    };
    let event = NewEvent::of(&Envelope::new(context(at), &id, event)).expect("an event");
    let begins = Instant::now();
    let appended = log
        .append(Expected::of(sequence), &event)
        .await
        .expect("it is stored");
    times.push(begins.elapsed());
    match appended {
        Append::Stored { sequence } | Append::Repeated { sequence } => sequence,
        Append::Conflict { actual } => panic!("nobody else writes here: {actual}"),
    }
}

/// One connection, kept alive.
struct Client {
    stream: TcpStream,
    token: String,
}

impl Client {
    async fn post(&mut self, path: &str, body: &str, times: &mut Vec<Duration>) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let begins = Instant::now();
        self.stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let reply = self.reply().await;
        times.push(begins.elapsed());
        assert!(reply.starts_with("HTTP/1.1 202"), "{reply}");
    }

    /// A whole response, as its head says.
    async fn reply(&mut self) -> String {
        let (mut reply, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.stream.read(&mut chunk).await.expect("an answer");
            assert_ne!(read, 0, "the connection was closed");
            reply.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&reply);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            if length.is_some_and(|length: usize| body.len() >= length) {
                return text.into_owned();
            }
        }
    }
}

fn report(what: &str, floor: &mut [Duration], figure: &mut [Duration]) {
    let median = |times: &mut [Duration]| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1_000.0
    };
    let (floor, figure) = (median(floor), median(figure));
    let ratio = figure / floor;
    let verdict = if ratio <= TARGET { "ok" } else { "missed" };
    println!(
        "P8    floor {floor:>9.2} ms  figure {figure:>9.2} ms  ratio {ratio:>5.2} \
         target <= {TARGET:<5} {verdict} ({what})"
    );
}
