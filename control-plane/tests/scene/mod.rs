//! A served control plane, one workspace whose init is real, and what stands in for its worker.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures::future::BoxFuture;
use jiff::Timestamp;
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::commands::{RequestContext, TokenRequest};
use nexus_control_plane::gateway::Lines;
use nexus_control_plane::http::{HostNames, Listeners, LocalSocket, bind_network, router, serve};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_control_plane::settings::{Settings, Silence};
use nexus_events::aggregate::Aggregate;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId, NodeId, TokenId, UserId, WorkspaceId};
use nexus_events::node::{Node, NodeCommand, NodeProfile};
use nexus_events::spec::{Capabilities, Provider, WorkspaceSpec};
use nexus_events::view::{NewWorkspace, RegisterUserRequest};
use nexus_events::workspace::{Command, Machine, Report, Workspace};
use nexus_init_protocol::{Client, InitStream, SetupPlan, WorkUser};
use nexus_nats::Repository;
use sha2::{Digest as _, Sha256};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

/// How long anything may take that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Everything one test needs.
pub(crate) struct Scene {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) stop: CancellationToken,
    pub(crate) ada: Person,
    pub(crate) workspace: WorkspaceId,
    pub(crate) init: Init,
    pub(crate) backbone: Backbone,
    _home: tempfile::TempDir,
    _plane: Plane,
}

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) token: String,
    pub(crate) token_id: TokenId,
}

impl Scene {
    /// Ada's workspace `hello`, running, reached over init's own socket.
    pub(crate) async fn start() -> Self {
        let init = Init::start().await;
        let lines = Arc::new(OwnSocket(init.socket()));
        Self::over(init, lines).await
    }

    /// The same, reached over `lines`.
    pub(crate) async fn over(init: Init, lines: Arc<dyn Lines>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let backbone = Backbone::memory().with_lines(lines);
        let reached = backbone.clone();
        let options = Options {
            settings: Settings {
                // No worker tells that it is there, and a measurement takes a while.
                silence: Silence {
                    lost: jiff::SignedDuration::from_hours(1),
                    ..Silence::default()
                },
                ..Settings::in_home(home.path())
            },
            backbone,
            clock: Clock::system(),
        };
        let plane = Plane::start(options).await.expect("it starts");
        let (app, stop) = (plane.app(), CancellationToken::new());
        app.caught_up().await;
        let (address, socket) = served(&app, home.path(), &stop).await;
        let ada = person(&app, "ada").await;
        let mut scene = Self {
            app,
            address,
            socket,
            stop,
            ada,
            workspace: WorkspaceId::derived("none yet"),
            init,
            backbone: reached,
            _home: home,
            _plane: plane,
        };
        scene.join().await;
        scene.workspace = scene.create("hello").await;
        scene.bring_up().await;
        scene
    }

    /// Somebody else.
    pub(crate) async fn person(&self, login: &str) -> Person {
        person(&self.app, login).await
    }

    async fn create(&self, name: &str) -> WorkspaceId {
        let identity = self.ada.identity();
        let workspace = NewWorkspace {
            name: name.parse().expect("a name"),
            spec: WorkspaceSpec::on(Provider::Fake),
        };
        let context = RequestContext::new(Timestamp::now());
        let created = self
            .app
            .commands()
            .create_workspace(&identity, workspace, None, &context)
            .await
            .expect("it is created");
        self.settle().await;
        created.workspace
    }

    async fn join(&self) {
        let profile = NodeProfile {
            provider: Provider::Fake,
            hostname: "here".into(),
            engine: "none".into(),
            version: "0".into(),
            slots: 4,
            capabilities: Capabilities::default(),
        };
        let at = Timestamp::now();
        self.execute::<Node>(&node(), &NodeCommand::Join { profile, at })
            .await;
    }

    /// What a worker does with a start or a create.
    pub(crate) async fn bring_up(&self) {
        self.place().await;
        let machine = Machine {
            handle: "1".into(),
            image: "base".into(),
            host_key: None,
            user: "dev".into(),
            home: "/home/dev".into(),
            directory: "/home/dev/workspace".into(),
        };
        self.report(Report::MachineReady { machine }).await;
        let (at, partial) = (Timestamp::now(), false);
        self.report(Report::Ready { at, partial }).await;
    }

    /// The worker takes the operation in flight.
    pub(crate) async fn place(&self) {
        let (operation, epoch) = self.in_flight().await;
        let node = node();
        let command = Command::Place {
            operation,
            epoch,
            node,
        };
        self.execute::<Workspace>(&self.workspace, &command).await;
    }

    /// The worker reports on the operation in flight.
    pub(crate) async fn report(&self, report: Report) {
        let (operation, epoch) = self.in_flight().await;
        let command = Command::Report {
            operation,
            epoch,
            node: Some(node()),
            report,
        };
        self.execute::<Workspace>(&self.workspace, &command).await;
    }

    /// Waits until an operation is in flight.
    async fn in_flight(&self) -> (nexus_events::id::OperationId, u64) {
        let looking = async {
            let mut projected = self.app.queries().projected();
            loop {
                let state = Repository::<Workspace>::new(self.backbone.log.clone())
                    .load(&self.workspace)
                    .await
                    .expect("the log answers")
                    .state;
                match state.operation {
                    Some(current) => return (current.id, current.epoch),
                    None => projected.changed().await.expect("it is projected"),
                }
            }
        };
        in_time(looking).await
    }

    /// Somebody wants it stopped.
    pub(crate) async fn ask_to_stop(&self) {
        let context = RequestContext::new(Timestamp::now());
        self.app
            .commands()
            .stop_workspace(&self.ada.identity(), &self.reference(), &context)
            .await
            .expect("it is accepted");
        self.settle().await;
    }

    /// Somebody wants it deleted.
    pub(crate) async fn ask_to_delete(&self) {
        let context = RequestContext::new(Timestamp::now());
        self.app
            .commands()
            .delete_workspace(&self.ada.identity(), &self.reference(), &context)
            .await
            .expect("it is accepted");
        self.settle().await;
    }

    fn reference(&self) -> WorkspaceRef {
        WorkspaceRef::Id(self.workspace)
    }

    /// Waits until everything in the log is projected.
    pub(crate) async fn settle(&self) {
        let last = self
            .backbone
            .log
            .info()
            .await
            .expect("the log answers")
            .last_sequence;
        let wait = self.app.queries().wait_for(last, PATIENCE).await;
        wait.expect("it is projected");
    }

    async fn execute<A: Aggregate>(&self, id: &A::Id, command: &A::Command) {
        let context = || Context {
            id: EventId::from_uuid(uuid::Uuid::now_v7()),
            at: Timestamp::now(),
            actor: Actor::Node(node()),
            correlation: CorrelationId::derived("test"),
            causation: None,
            traceparent: None,
        };
        let aggregates = Repository::<A>::new(self.backbone.log.clone());
        let known = aggregates.load(id).await.expect("the log answers");
        let decide = |state: &A| state.decide(command);
        let done = aggregates.execute(id, known, decide, context).await;
        done.expect("it is decided");
        self.settle().await;
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Person {
    pub(crate) fn identity(&self) -> Identity {
        Identity::User {
            id: self.id,
            scope: nexus_events::user::Scope::User,
            token: self.token_id,
        }
    }
}

pub(crate) fn node() -> NodeId {
    nexus_nats::testing::node()
}

pub(crate) async fn served(
    app: &App,
    home: &Path,
    stop: &CancellationToken,
) -> (SocketAddr, PathBuf) {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let network = bind_network(loopback).await.expect("a port");
    let address = network.local_addr().expect("an address");
    let socket = home.join("daemon.sock");
    let local = LocalSocket::bind(&socket).await.expect("a socket");
    let listeners = Listeners {
        network: Some(network),
        local: Some(local),
    };
    let router = router(app.clone(), HostNames::loopback_and([]), stop.clone());
    tokio::spawn(serve(router, listeners, stop.clone()));
    (address, socket)
}

async fn person(app: &App, login: &str) -> Person {
    let request = registration(login);
    let context = RequestContext::new(Timestamp::now());
    let registered = app
        .commands()
        .register_user(&Identity::Operator, request, &context)
        .await
        .expect("they register");
    let id = registered.value.user_id;
    let request = TokenRequest {
        user: Some(id),
        ..TokenRequest::default()
    };
    let context = RequestContext::new(Timestamp::now());
    let issued = app
        .commands()
        .issue_token(&Identity::Operator, request, &context)
        .await
        .expect("a token");
    let wait = app.queries().wait_for(issued.sequence, PATIENCE).await;
    wait.expect("it is projected");
    Person {
        id,
        token: issued.value.token,
        token_id: issued.value.id,
    }
}

/// The request that registers `login`, with a key of theirs.
fn registration(login: &str) -> RegisterUserRequest {
    let number = login.bytes().map(u64::from).sum();
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(&Sha256::digest(login));
    let fingerprint = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    RegisterUserRequest {
        github_username: login.parse().expect("a login"),
        github_id: number,
        ssh_pubkey: format!("ssh-ed25519 {}", STANDARD.encode(&blob)),
        ssh_pubkey_fingerprint: format!("SHA256:{fingerprint}"),
    }
}

/// Fails the test instead of waiting for ever.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

/// A running nexus-init without a sandbox.
pub(crate) struct Init {
    pub(crate) folder: tempfile::TempDir,
    child: Child,
}

impl Init {
    /// Starts one, set up for whoever runs the tests.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Process::new(binary())
            .arg("serve")
            .arg("--state")
            .arg(folder.path().join("state"))
            .arg("--socket")
            .arg(folder.path().join("run/init.sock"))
            .stdin(Stdio::null())
            .spawn()
            .expect("nexus-init starts");
        let init = Self { folder, child };
        init.set_up().await;
        init
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run/init.sock")
    }

    pub(crate) async fn client(&self) -> Client {
        let client = Client::connect_within(self.socket(), PATIENCE).await;
        client.expect("init answers")
    }

    async fn set_up(&self) {
        let client = self.client().await;
        let mut plan = SetupPlan::new("test", 1);
        plan.user = WorkUser {
            name: "root".into(),
            uid: rustix::process::geteuid().as_raw(),
            home: self.folder.path().display().to_string(),
        };
        plan.install = false;
        plan.workspace_directory = self.folder.path().join("work").display().to_string();
        client.apply(&plan).await.expect("it is applied");
        let mut reports = client.reports(0).await.expect("reports");
        let finished = async {
            loop {
                let report = reports.next().await.expect("a report").expect("one more");
                if let nexus_init_protocol::ReportEvent::SetupFinished { .. } = report.event {
                    return;
                }
            }
        };
        in_time(finished).await;
    }

    /// The machine is gone.
    pub(crate) fn kill(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary: told of, or beside this test.
fn binary() -> PathBuf {
    let beside = || {
        let this_test = std::env::current_exe().expect("a path");
        this_test
            .ancestors()
            .nth(2)
            .expect("a folder")
            .join("nexus-init")
    };
    let path = std::env::var_os("NEXUS_INIT").map_or_else(beside, PathBuf::from);
    assert!(
        path.exists(),
        "{} is not built: `./dev build`",
        path.display()
    );
    path
}

/// A line that is init's own socket, whatever the node.
#[derive(Debug)]
pub(crate) struct OwnSocket(pub(crate) PathBuf);

impl Lines for OwnSocket {
    fn open(&self, _: NodeId, _: WorkspaceId) -> BoxFuture<'_, io::Result<InitStream>> {
        Box::pin(async { Ok(InitStream::Unix(UnixStream::connect(&self.0).await?)) })
    }
}
