//! SSH served by init itself, so that any image can be reached with a stock client.
//!
//! ```text
//! Ssh request ─▶ transport (russh) ─▶ handler: who may come in, what may be opened
//!                                       ├─ session: shell, command, sftp; one task per channel
//!                                       └─ forward: to ports inside (-L, -D), from ports inside (-R)
//! ```
//!
//! Only public keys of the plan let anybody in, and only as the work user. A connection that fails in
//! any way, a panic included, ends alone: each has a task of its own.

mod agent;
mod forward;
mod handler;
mod resolve;
mod session;
pub(crate) mod sftp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use nexus_init_protocol::{Answer, Failure, FailureCode};
use russh::server::Config;
use russh::{Disconnect, MethodKind, MethodSet, SshId};
use tokio::net::UnixStream;

use self::handler::SshHandler;
use crate::connection::{ConnectionError, Reader, Writer};
use crate::setup::ssh_keys::host_key;
use crate::workspace::Workspace;

/// Time to log in.
const LOGIN_GRACE: Duration = Duration::from_secs(30);
/// Connections that have not logged in, at the same time.
const MAX_STRANGERS: u32 = 32;
const MAX_ATTEMPTS: usize = 6;
/// A peer that is silent is asked this often, and given up after ten times without an answer.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Every refused attempt takes this long, whatever the reason.
const REJECTION_TIME: Duration = Duration::from_millis(300);

static STRANGERS: AtomicU32 = AtomicU32::new(0);

/// Answers an `Ssh` request.
pub(crate) async fn serve(
    workspace: Arc<Workspace>,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let Some(stranger) = Stranger::enter() else {
        let message = format!("{MAX_STRANGERS} connections are logging in already");
        let failure = Failure::new(FailureCode::TooLarge, message);
        return Ok(writer.control(&Answer::Failed(failure)).await?);
    };
    let config = match host_key(&workspace.state) {
        Ok(key) => config(key),
        Err(error) => {
            let failure = Failure::new(FailureCode::Internal, format!("the host key: {error}"));
            return Ok(writer.control(&Answer::Failed(failure)).await?);
        }
    };
    writer.control(&Answer::Connected).await?;
    let Ok(stream) = reader.into_inner().reunite(writer.into_inner()) else {
        return Ok(());
    };
    let _counted = Counted::new(workspace.clone());
    if let Err(error) = run(workspace, config, stream, stranger).await {
        tracing::debug!(%error, "an SSH connection ended badly");
    }
    Ok(())
}

async fn run(
    workspace: Arc<Workspace>,
    config: Config,
    stream: UnixStream,
    stranger: Stranger,
) -> Result<(), russh::Error> {
    let is_known = Arc::new(AtomicBool::new(false));
    let handler = SshHandler::new(workspace, is_known.clone());
    let starting = russh::server::run_stream(Arc::new(config), stream, handler);
    let Ok(session) = tokio::time::timeout(LOGIN_GRACE, starting).await else {
        return Ok(());
    };
    let mut session = session?;
    let handle = session.handle();
    tokio::select! {
        ended = &mut session => return ended,
        () = tokio::time::sleep(LOGIN_GRACE) => {}
    }
    drop(stranger);
    if !is_known.load(Relaxed) {
        let reason = Disconnect::NoMoreAuthMethodsAvailable;
        let text = "nobody logged in".to_owned();
        let _gone_already = handle.disconnect(reason, text, String::new()).await;
    }
    session.await
}

fn config(key: russh::keys::PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard("SSH-2.0-nexus".into()),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        max_auth_attempts: MAX_ATTEMPTS,
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 10,
        ..Config::default()
    }
}

/// One that has not logged in yet, until dropped.
struct Stranger;

impl Stranger {
    fn enter() -> Option<Self> {
        let entered = STRANGERS.fetch_update(Relaxed, Relaxed, |count| {
            (count < MAX_STRANGERS).then_some(count + 1)
        });
        entered.is_ok().then_some(Self)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        STRANGERS.fetch_sub(1, Relaxed);
    }
}

/// Counts a connection until dropped.
struct Counted(Arc<Workspace>);

impl Counted {
    fn new(workspace: Arc<Workspace>) -> Self {
        workspace.ssh_connections.fetch_add(1, Relaxed);
        Self(workspace)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.ssh_connections.fetch_sub(1, Relaxed);
    }
}
