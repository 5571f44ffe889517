//! `/rpc` driven by the client it is written for: `@orpc/client` from npm, run by Node.
//!
//! What is asked and expected stands in `orpc/drive.mjs`; the versions in its lock file.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::commands::{RequestContext, TokenRequest};
use nexus_control_plane::http::{self, HostNames, Listeners, bind_network};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::settings::Settings;
use nexus_events::aggregate::Aggregate as _;
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId, NodeId};
use nexus_events::node::{Node, NodeCommand, NodeProfile};
use nexus_events::spec::{Capabilities, Provider};
use nexus_events::view::RegisterUserRequest;
use nexus_nats::testing::TestServer;
use nexus_nats::{Log, Repository, Snapshot};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// The package, its lock file and the program.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "drive.mjs"];

#[tokio::test(flavor = "multi_thread")]
async fn the_real_client_drives_every_procedure() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Err(why) = install(folder.path()) {
        println!("SKIPPED the oRPC client: {why}");
        return;
    }
    let server = TestServer::start().await;
    let home = tempfile::tempdir().expect("a home");
    let backbone = Backbone::on(&server.bus().await);
    let log = backbone.log.clone();
    let options = Options {
        settings: Settings::in_home(home.path()),
        backbone,
        clock: Clock::system(),
    };
    let plane = Plane::start(options).await.expect("it starts");
    let stop = CancellationToken::new();
    let token = prepare(&plane.app(), &log).await;
    let address = serve(&plane.app(), &stop).await;

    let driving = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg("drive.mjs")
            .current_dir(folder.path())
            .env("NEXUS_URL", format!("http://{address}"))
            .env("NEXUS_TOKEN", token)
            .output()
    });
    let output = driving.await.expect("it runs").expect("node runs");
    assert!(output.status.success(), "{}", told(&output));
    stop.cancel();
    plane.shutdown().await;
}

/// Puts the client into `folder`, from its lock file and without running anything of it.
fn install(folder: &Path) -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orpc");
    for file in FILES {
        std::fs::copy(here.join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| format!("node: {error}"))?;
    let installed = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("npm: {error}"))?;
    if installed.status.success() {
        Ok(())
    } else {
        Err(format!("npm ci: {}", told(&installed)))
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// A node that takes processes, and a user's token.
async fn prepare(app: &App, log: &Log) -> String {
    let profile = NodeProfile {
        provider: Provider::Process,
        hostname: "here".into(),
        engine: "none".into(),
        version: "0".into(),
        slots: 4,
        capabilities: Capabilities::default(),
    };
    let at = app.now();
    let join = NodeCommand::Join { profile, at };
    let nodes = Repository::<Node>::new(log.clone());
    let context = || Context {
        id: EventId::from_uuid(uuid::Uuid::now_v7()),
        at,
        actor: Actor::system("test"),
        correlation: CorrelationId::derived("test"),
        causation: None,
        traceparent: None,
    };
    let decide = |state: &Node| state.decide(&join);
    let node = NodeId::derived("here");
    let joined = nodes.execute(&node, Snapshot::empty(), decide, context);
    joined.await.expect("a node joins");

    let context = RequestContext::new(app.now());
    let registered = app
        .commands()
        .register_user(&Identity::Operator, registration(), &context)
        .await
        .expect("a user");
    let request = TokenRequest {
        user: Some(registered.value.user_id),
        ..TokenRequest::default()
    };
    let issued = app
        .commands()
        .issue_token(&Identity::Operator, request, &context)
        .await
        .expect("a token");
    let wait = std::time::Duration::from_secs(10);
    let seen = app.queries().wait_for(issued.sequence, wait).await;
    seen.expect("it is projected");
    issued.value.token
}

fn registration() -> RegisterUserRequest {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(&Sha256::digest("ada"));
    let fingerprint = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    RegisterUserRequest {
        github_username: "ada".parse().expect("a login"),
        github_id: 1,
        ssh_pubkey: format!("ssh-ed25519 {}", STANDARD.encode(&blob)),
        ssh_pubkey_fingerprint: format!("SHA256:{fingerprint}"),
    }
}

async fn serve(app: &App, stop: &CancellationToken) -> SocketAddr {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let network = bind_network(loopback).await.expect("a port");
    let address = network.local_addr().expect("an address");
    let listeners = Listeners {
        network: Some(network),
        local: None,
    };
    let router = http::router(app.clone(), HostNames::loopback_and([]), stop.clone());
    tokio::spawn(http::serve(router, listeners, stop.clone()));
    address
}
