//! SSH served by init itself, so that any image can be reached with a stock client.
//!
//! ```text
//! Ssh or HandOver request ─▶ transport (russh) ─▶ handler: who may come in, what may be opened
//!                              │                    ├─ session: shell, command, sftp
//!                            clients: who waits,    └─ forward: ports and sockets, both ways
//!                            who is in, who must go       each fed by its own intake
//! ```
//!
//! Only public keys and certificates of the access document let anybody in, and only as the work
//! user. A connection that fails in any way, a panic included, ends alone: each has tasks of its own.

mod agent;
mod clients;
mod forward;
mod greeting;
mod handler;
mod intake;
mod listener;
mod outcome;
mod resolve;
mod session;
pub(crate) mod sftp;
mod spool;
mod start;
mod stream;

pub(crate) use self::clients::Clients;

use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::{Answer, Failure, FailureCode};
use russh::server::Config;

use self::clients::Client;
use self::handler::SshHandler;
use self::stream::ClientStream;
use crate::connection::{ConnectionError, Reader, Writer, reunite};
use crate::relay::Socket;
use crate::workspace::Workspace;

/// Time to log in.
const LOGIN_GRACE: Duration = Duration::from_secs(30);

/// Answers an `Ssh` request.
pub(crate) async fn serve(
    workspace: Arc<Workspace>,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    if let Err(error) = greeting::of(&workspace) {
        let failure = Failure::new(FailureCode::Internal, format!("the host key: {error}"));
        return Ok(writer.control(&Answer::Failed(failure)).await?);
    }
    writer.control(&Answer::Connected).await?;
    let socket = Socket::Unix(reunite(reader, writer)?);
    serve_socket(workspace, socket).await;
    Ok(())
}

/// Serves a connection that is an SSH transport from its first byte.
pub(crate) async fn serve_socket(workspace: Arc<Workspace>, socket: Socket) {
    let config = match greeting::of(&workspace) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "an SSH client was sent away: the host key is unusable");
            return;
        }
    };
    let entered = workspace.ssh.enter(socket);
    let client = entered.client.clone();
    if let Err(error) = run(workspace.clone(), config, client).await {
        tracing::debug!(%error, "an SSH connection ended badly");
    }
}

async fn run(
    workspace: Arc<Workspace>,
    config: Arc<Config>,
    client: Arc<Client>,
) -> Result<(), russh::Error> {
    let deadline = tokio::time::Instant::now() + LOGIN_GRACE;
    let handler = SshHandler::new(workspace, client.clone());
    let stream = ClientStream::new(client.clone());
    let starting = russh::server::run_stream(config, stream, handler);
    let Ok(session) = tokio::time::timeout_at(deadline, starting).await else {
        return Ok(());
    };
    let mut session = session?;
    client.reached_by(session.handle());
    tokio::select! {
        ended = &mut session => return ended,
        known = tokio::time::timeout_at(deadline, client.logged_in()) => {
            if known.is_err() {
                client.clone().let_go("nobody logged in");
            }
        }
    }
    session.await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    use super::*;

    /// Everything that waits by the clock is so much older.
    async fn pass(seconds: u64) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    }

    /// A client that was greeted and has said `words`, and the task that serves it.
    async fn greeted(
        workspace: &Arc<Workspace>,
        words: &[u8],
    ) -> (UnixStream, tokio::task::JoinHandle<()>) {
        let (mut near, far) = UnixStream::pair().unwrap();
        let serving = serve_socket(workspace.clone(), Socket::Unix(far));
        let serving = tokio::spawn(serving);
        near.write_all(words).await.unwrap();
        let mut greeting = [0; 13];
        near.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"SSH-2.0-nexus");
        (near, serving)
    }

    #[tokio::test]
    async fn whoever_does_not_log_in_is_hung_up_on_after_half_a_minute() {
        let state = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(state.path()).unwrap();
        for words in [&b""[..], b"SSH-2.0-somebody\r\n"] {
            let (mut client, serving) = greeted(&workspace, words).await;
            pass(29).await;
            assert!(!serving.is_finished(), "not yet");
            assert_eq!(workspace.ssh.count(), 1);
            pass(1).await;
            let mut rest = Vec::new();
            // Whatever was said before, the end comes.
            let _cut_short = client.read_to_end(&mut rest).await;
            serving.await.unwrap();
            assert_eq!(workspace.ssh.count(), 0);
        }
    }
}
