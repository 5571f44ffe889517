//! A server of its own for each test, and callers that speak to it without a network.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::Timestamp;
use nexus_control_plane::app::{Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::http::{HostNames, Peer, router};
use nexus_control_plane::settings::Settings;
use nexus_events::aggregate::EventData;
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId};
use nexus_events::node::{NodeEvent, NodeProfile};
use nexus_events::spec::{Capabilities, Provider};
use nexus_nats::{Append, Expected, Log, NewEvent};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::worker;

/// When everything happens: the clock stands still until a test sets it.
pub(crate) fn noon() -> Timestamp {
    "2026-01-17T12:00:00Z".parse().expect("a timestamp")
}

/// A control plane with one node of the process provider.
pub(crate) struct Server {
    pub(crate) plane: Plane,
    pub(crate) router: Router,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    _home: tempfile::TempDir,
}

impl Server {
    /// One whose log is in memory.
    pub(crate) async fn start() -> Self {
        Self::on(Backbone::memory()).await
    }

    /// One on this log.
    pub(crate) async fn on(backbone: Backbone) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let (log, clock) = (backbone.log.clone(), Clock::standing_at(noon()));
        let settings = Settings::in_home(home.path());
        let plane = Plane::start(Options {
            settings,
            backbone,
            clock: clock.clone(),
        })
        .await
        .expect("it starts");
        let stop = CancellationToken::new();
        let router = router(plane.app(), HostNames::loopback_and([]), stop.clone());
        let server = Self {
            plane,
            router,
            log,
            clock,
            stop,
            _home: home,
        };
        server.append(0, worker::node(), joined("here")).await;
        server
    }

    /// Appends an event as a worker would, and waits until it can be read.
    pub(crate) async fn append<D: EventData>(
        &self,
        expected: u64,
        aggregate: impl std::fmt::Display,
        data: D,
    ) -> u64 {
        let sequence = self.store(expected, aggregate, data).await;
        self.visible(sequence).await;
        sequence
    }

    /// Appends an event as a worker would.
    pub(crate) async fn store<D: EventData>(
        &self,
        expected: u64,
        aggregate: impl std::fmt::Display,
        data: D,
    ) -> u64 {
        let context = Context {
            id: EventId::from_uuid(Uuid::now_v7()),
            at: noon(),
            actor: Actor::Node(worker::node()),
            correlation: CorrelationId::from_uuid(Uuid::now_v7()),
            causation: None,
            traceparent: None,
        };
        let event = NewEvent::of(&Envelope::new(context, &aggregate, data)).expect("an event");
        match self
            .log
            .append(Expected::of(expected), &event)
            .await
            .expect("the log answers")
        {
            Append::Stored { sequence } | Append::Repeated { sequence } => sequence,
            Append::Conflict { actual } => panic!("{aggregate} is at {actual}"),
        }
    }

    /// Waits until event `sequence` is in the read model.
    pub(crate) async fn visible(&self, sequence: u64) {
        let wait = std::time::Duration::from_secs(10);
        self.plane
            .app()
            .queries()
            .wait_for(sequence, wait)
            .await
            .expect("it is projected");
    }

    /// The last event of the log, once it is in the read model.
    pub(crate) async fn last_sequence(&self) -> u64 {
        let last = self
            .log
            .info()
            .await
            .expect("the log answers")
            .last_sequence;
        self.visible(last).await;
        last
    }

    pub(crate) fn nobody(&self) -> Caller<'_> {
        Caller {
            server: self,
            who: Who::Nobody,
        }
    }

    pub(crate) fn operator(&self) -> Caller<'_> {
        Caller {
            server: self,
            who: Who::Operator,
        }
    }

    pub(crate) fn bearer(&self, token: &str) -> Caller<'_> {
        Caller {
            server: self,
            who: Who::Bearer(token.to_owned()),
        }
    }

    /// Registers `login` and issues a token.
    pub(crate) async fn user(&self, login: &str) -> User {
        let registered = self
            .operator()
            .post("/api/v1/users/register", registration(login))
            .await;
        assert_eq!(registered.status, StatusCode::OK, "{}", registered.body);
        let id = registered.field("user_id");
        let issued = self
            .operator()
            .post("/api/v1/tokens", json!({ "user": id }))
            .await;
        assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.body);
        User {
            id,
            token: issued.field("token"),
            token_id: issued.field("id"),
        }
    }
}

/// A node that joins under this name.
pub(crate) fn joined(hostname: &str) -> NodeEvent {
    let profile = NodeProfile {
        provider: Provider::Process,
        hostname: hostname.into(),
        engine: "none".into(),
        version: "0".into(),
        slots: 4,
        capabilities: Capabilities::default(),
    };
    NodeEvent::Joined {
        profile,
        at: noon(),
    }
}

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) token_id: String,
}

/// The request that registers `login`, with a key of theirs.
pub(crate) fn registration(login: &str) -> Value {
    let (key, fingerprint) = public_key(login);
    let number = login
        .bytes()
        .fold(1000_u64, |number, byte| number * 31 + u64::from(byte));
    json!({
        "github_username": login,
        "github_id": number % 1_000_000_000,
        "ssh_pubkey": key,
        "ssh_pubkey_fingerprint": fingerprint,
    })
}

/// A public key as OpenSSH writes one, and its fingerprint.
pub(crate) fn public_key(seed: &str) -> (String, String) {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(&Sha256::digest(seed));
    let fingerprint = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    (
        format!("ssh-ed25519 {} {seed}@laptop", STANDARD.encode(&blob)),
        format!("SHA256:{fingerprint}"),
    )
}

#[derive(Debug, Clone)]
enum Who {
    Nobody,
    Operator,
    Bearer(String),
}

/// Somebody who calls.
pub(crate) struct Caller<'s> {
    server: &'s Server,
    who: Who,
}

impl Caller<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.send_bytes(method, path, headers, bytes.unwrap_or_default())
            .await
    }

    /// Sends a request; a header given here replaces the one that would be sent.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        Answer::read(self.open(method, path, headers, body).await).await
    }

    /// Sends a request and does not wait for the body of its answer.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path);
        let given = |name: &str| {
            headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        if !given("host") {
            request = request.header("host", "127.0.0.1:3001");
        }
        if !body.is_empty() && !given("content-type") {
            request = request.header("content-type", "application/json");
        }
        let peer = match &self.who {
            Who::Operator => Peer::Local {
                user: rustix::process::geteuid().as_raw(),
            },
            Who::Nobody | Who::Bearer(_) => {
                Peer::Network(SocketAddr::from(([127, 0, 0, 1], 50_000)))
            }
        };
        if let Who::Bearer(token) = &self.who
            && !given("authorization")
        {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .extension(peer)
            .body(Body::from(body))
            .expect("a request");
        self.server
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("infallible")
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// As it was written.
    pub(crate) text: String,
    /// JSON, or text as a JSON string.
    pub(crate) body: Value,
}

impl Answer {
    async fn read(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20)
            .await
            .expect("the body ends");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        Self {
            status: parts.status,
            headers: parts.headers,
            text,
            body,
        }
    }

    /// A field that is text.
    pub(crate) fn field(&self, field: &str) -> String {
        self.body[field]
            .as_str()
            .unwrap_or_else(|| panic!("{field} in {}", self.body))
            .to_owned()
    }

    /// The event the answer reflects.
    pub(crate) fn sequence(&self) -> u64 {
        self.headers["x-nexus-sequence"]
            .to_str()
            .expect("text")
            .parse()
            .expect("a number")
    }
}
