//! Terminal sessions: attaching, listing, closing, and hanging up the ones nobody comes back to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use nexus_events::id::WorkspaceId;
use nexus_events::view::{TerminalList, TerminalView};
use nexus_events::work::ExecExit;
use nexus_init_protocol::client::TerminalStream;
use nexus_init_protocol::status::SessionState;
use nexus_init_protocol::{
    Client, ClientError, ExitOutcome, SessionId, TerminalSize, TerminalSpec,
};
use tokio::time::Instant;
use uuid::Uuid;

/// How long a session without a name waits for a viewer to come back.
pub const ANONYMOUS_GRACE: Duration = Duration::from_secs(30);

/// What the id of a session without a name starts with.
const ANONYMOUS: &str = "anonymous-";

/// Which session a viewer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChoice {
    /// A new one that is hung up soon after its last viewer left.
    Anonymous,
    /// A new one that stays until it is closed.
    New,
    /// The one of this id; it is made when there is none.
    Named(SessionId),
}

/// How a viewer attaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// To which session.
    pub session: SessionChoice,
    /// The first byte wanted; everything kept when absent.
    pub after: Option<u64>,
    /// Only to watch.
    pub read_only: bool,
    /// Whether what is shown is written to a file beside the session, should it be made now.
    pub record: bool,
    /// The viewer's window.
    pub size: TerminalSize,
}

impl Attach {
    /// Attaches a viewer over `client`.
    ///
    /// # Errors
    /// When there is no such session and none is to be made, or init does not answer.
    pub async fn to(&self, client: &Client) -> Result<TerminalStream, ClientError> {
        client.terminal(&self.spec()).await
    }

    fn spec(&self) -> TerminalSpec {
        let session = match &self.session {
            SessionChoice::Anonymous => {
                SessionId::new(format!("{ANONYMOUS}{}", Uuid::now_v7().simple())).ok()
            }
            SessionChoice::New => None,
            SessionChoice::Named(id) => Some(id.clone()),
        };
        // What was only lent, or is only to be watched, is not made anew.
        let attach_only = match &self.session {
            SessionChoice::Named(id) => self.read_only || is_anonymous(id),
            SessionChoice::Anonymous | SessionChoice::New => false,
        };
        TerminalSpec {
            session,
            attach_only,
            size: self.size,
            after: self.after,
            read_only: self.read_only,
            record: self.record,
            ..TerminalSpec::default()
        }
    }
}

fn is_anonymous(id: &SessionId) -> bool {
    id.as_str().starts_with(ANONYMOUS)
}

/// The sessions of a workspace, in the order they began.
///
/// # Errors
/// When init does not answer.
pub async fn list(client: &Client) -> Result<TerminalList, ClientError> {
    let mut sessions = client.status().await?.sessions;
    sessions.sort_by(|a, b| (a.started_ms, &a.id).cmp(&(b.started_ms, &b.id)));
    Ok(TerminalList {
        sessions: sessions.into_iter().map(view).collect(),
    })
}

fn view(state: SessionState) -> TerminalView {
    let started = i64::try_from(state.started_ms).unwrap_or(i64::MAX);
    TerminalView {
        id: state.id.to_string(),
        argv: state.argv,
        started_at: Timestamp::from_millisecond(started).unwrap_or(Timestamp::MAX),
        viewers: state.viewers,
        cols: state.size.columns,
        rows: state.size.rows,
        first_offset: state.first_offset,
        end_offset: state.end_offset,
        recording: state.recording,
        exit: state.outcome.as_ref().and_then(exit),
    }
}

/// How a program ended, where anybody knows.
pub fn exit(outcome: &ExitOutcome) -> Option<ExecExit> {
    match outcome {
        ExitOutcome::Exited { code } | ExitOutcome::NotStarted { code, .. } => {
            Some(ExecExit::Code(*code))
        }
        ExitOutcome::Signalled { signal } => Some(ExecExit::Signal(*signal)),
        ExitOutcome::TimedOut => Some(ExecExit::Code(outcome.shell_code())),
        ExitOutcome::Lost => None,
    }
}

/// When the last viewer of each session without a name left. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leavings {
    left: Arc<Mutex<HashMap<(WorkspaceId, SessionId), Instant>>>,
}

impl Leavings {
    /// A viewer of `session` left: should it have no name and nobody come back, it is hung up.
    pub(crate) fn note(&self, workspace: WorkspaceId, session: SessionId, client: Client) {
        if !is_anonymous(&session) {
            return;
        }
        let key = (workspace, session);
        let known = self.lock().insert(key.clone(), Instant::now()).is_some();
        if known {
            return;
        }
        let leavings = self.clone();
        tokio::spawn(async move {
            leavings.wait_out(&key).await;
            leavings.lock().remove(&key);
            if let Err(error) = hang_up(&client, &key.1).await {
                tracing::debug!(%error, session = %key.1, "a session could not be hung up");
            }
        });
    }

    /// Sessions that an earlier server would have hung up are noticed when somebody comes by.
    pub(crate) async fn notice(&self, workspace: WorkspaceId, client: Client) {
        let Ok(status) = client.status().await else {
            return;
        };
        for session in status.sessions {
            let lives = session.outcome.is_none();
            let waits = self.lock().contains_key(&(workspace, session.id.clone()));
            if lives && session.viewers == 0 && !waits {
                self.note(workspace, session.id, client.clone());
            }
        }
    }

    /// Waits until the last leaving is long enough ago.
    async fn wait_out(&self, key: &(WorkspaceId, SessionId)) {
        loop {
            let left = self.lock().get(key).copied();
            let passed = left.map_or(ANONYMOUS_GRACE, |at| at.elapsed());
            match ANONYMOUS_GRACE.checked_sub(passed) {
                None | Some(Duration::ZERO) => return,
                Some(rest) => tokio::time::sleep(rest).await,
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(WorkspaceId, SessionId), Instant>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a session nobody watches.
async fn hang_up(client: &Client, session: &SessionId) -> Result<(), ClientError> {
    let sessions = client.status().await?.sessions;
    let abandoned = sessions
        .iter()
        .any(|known| known.id == *session && known.viewers == 0 && known.outcome.is_none());
    match abandoned {
        true => client.close_terminal(session).await,
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attach(session: SessionChoice, read_only: bool) -> TerminalSpec {
        let attach = Attach {
            session,
            after: None,
            read_only,
            record: false,
            size: TerminalSize::default(),
        };
        attach.spec()
    }

    #[test]
    fn only_what_is_ones_own_is_made() {
        let named = |text: &str| SessionChoice::Named(SessionId::new(text).expect("an id"));
        assert!(!attach(named("main"), false).attach_only);
        assert!(attach(named("main"), true).attach_only);
        assert!(attach(named("anonymous-1"), false).attach_only);
        assert_eq!(attach(SessionChoice::New, false).session, None);
        let first = attach(SessionChoice::Anonymous, false)
            .session
            .expect("an id");
        assert!(is_anonymous(&first));
        assert_ne!(Some(first), attach(SessionChoice::Anonymous, false).session);
    }
}
