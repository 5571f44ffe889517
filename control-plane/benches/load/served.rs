//! The server under test in a process of its own, on the runtime and with the log lines of
//! `nexusd`: the load takes none of its threads, and it none of the load's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use nexus_control_plane::commands::{RequestContext, TokenRequest};
use nexus_control_plane::daemon;
use nexus_control_plane::identity::Identity;
use nexus_events::id::WorkspaceId;
use nexus_events::user::Scope;

use crate::scene::{PATIENCE, Scene};

/// Set where this very program is to be the server.
const SERVES: &str = "NEXUS_BENCH_SERVES";

/// A served scene; it ends with this.
pub(crate) struct Served {
    /// Where its API is.
    pub(crate) address: SocketAddr,
    /// Its one workspace, which runs.
    pub(crate) workspace: WorkspaceId,
    /// An administrator's: a user's is slowed down at fifty requests a second.
    pub(crate) token: String,
    child: Child,
}

impl Served {
    /// Starts this program once more, as the server.
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a path");
        let child = Command::new(program)
            .env(SERVES, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("it starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("address, workspace and token");
        Self {
            address: word().parse().expect("an address"),
            workspace: word().parse().expect("an id"),
            token: word().to_owned(),
            child,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.child.stdin.take());
        let _gone_already = self.child.wait();
    }
}

/// Serves, where this program was started as the server.
pub(crate) fn is_done_here() -> bool {
    if std::env::var_os(SERVES).is_none() {
        return false;
    }
    daemon::install_logging();
    let runtime = daemon::runtime().expect("a runtime");
    runtime.block_on(async {
        let scene = Scene::start().await;
        let token = unhurried_token(&scene).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {} {token}", scene.address, scene.workspace).expect("it is read");
        drop(out);
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        let _closed = ended.await;
    });
    true
}

async fn unhurried_token(scene: &Scene) -> String {
    let request = TokenRequest {
        user: Some(scene.ada.id),
        scope: Some(Scope::Admin),
        ..TokenRequest::default()
    };
    let context = RequestContext::new(jiff::Timestamp::now());
    let issued = scene
        .app
        .commands()
        .issue_token(&Identity::Operator, request, &context)
        .await
        .expect("a token");
    let wait = scene.app.queries().wait_for(issued.sequence, PATIENCE);
    wait.await.expect("it is projected");
    issued.value.token
}
