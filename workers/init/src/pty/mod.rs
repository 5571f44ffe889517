//! Terminal sessions: made once, watched by any number of viewers, found again by their id.

pub(crate) mod device;
mod pacing;
mod recording;
mod scrollback;
mod session;
mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_init_protocol::status::SessionState;
use nexus_init_protocol::{
    ActivitySource, Answer, Failure, FailureCode, SessionId, Signal, TerminalSpec,
};

use self::device::Device;
use self::pacing::Typing;
use self::recording::Recording;
use self::session::{Keeping, Session};
use crate::connection::{ConnectionError, Reader, Writer};
use crate::context::{Context, Custom, Descriptors};
use crate::process::{Standing, signal_group};
use crate::sync::Lock;
use crate::workspace::Workspace;

/// Ended sessions kept for those who come back for the last lines.
const ENDED_KEPT: usize = 8;
/// Sessions at the same time; each may keep a scroll-back of 1 MiB.
const MAX_SESSIONS: usize = 64;
/// A program that ended may leave others on the terminal; what they show is not waited for longer.
pub(crate) const LINGER: Duration = Duration::from_millis(100);
/// From HUP to KILL when a session is closed.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Every session of this life of init.
#[derive(Debug, Default)]
pub(crate) struct TerminalTable {
    sessions: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    next_id: AtomicU64,
    typing: Arc<Typing>,
}

impl TerminalTable {
    /// Every session, living or ended.
    pub(crate) fn states(&self) -> Vec<SessionState> {
        self.sessions
            .hold()
            .values()
            .map(|session| session.state())
            .collect()
    }

    /// Leaders of the living sessions.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        let sessions = self.sessions.hold();
        sessions
            .values()
            .filter_map(|session| session.living_process_id())
            .collect()
    }

    /// Waits until nobody watches a session any more.
    pub(crate) async fn unwatched(&self) {
        let sessions: Vec<_> = self.sessions.hold().values().cloned().collect();
        for session in sessions {
            session.unwatched().await;
        }
    }

    fn find(&self, id: &SessionId) -> Option<Arc<Session>> {
        self.sessions.hold().get(id).cloned()
    }

    /// Those who watch it go on; nobody finds it any more.
    fn forget(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions.hold();
        let is_same = |found: &Arc<Session>| Arc::ptr_eq(found, session);
        if sessions.get(session.id()).is_some_and(is_same) {
            sessions.remove(session.id());
        }
    }

    fn new_id(&self) -> Result<SessionId, Failure> {
        loop {
            let number = self.next_id.fetch_add(1, Relaxed) + 1;
            let id = SessionId::new(format!("t{number}"))
                .map_err(|error| Failure::new(FailureCode::Internal, error.to_string()))?;
            if self.find(&id).is_none() {
                return Ok(id);
            }
        }
    }

    fn add(&self, session: Arc<Session>) {
        let mut sessions = self.sessions.hold();
        let mut ended: Vec<(u64, SessionId)> = sessions
            .values()
            .filter(|session| session.living_process_id().is_none() && !session.is_watched())
            .map(|session| (session.state().started_ms, session.id().clone()))
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(ENDED_KEPT);
        for (_, id) in ended.into_iter().take(surplus) {
            sessions.remove(&id);
        }
        sessions.insert(session.id().clone(), session);
    }
}

/// Answers a `Terminal` request.
pub(crate) async fn serve(
    workspace: &Arc<Workspace>,
    spec: TerminalSpec,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let (session, created) = match find_or_make(workspace, &spec) {
        Ok(found) => found,
        Err(failure) => return Ok(writer.control(&Answer::Failed(failure)).await?),
    };
    let viewer = session.view(spec.after);
    let attached = Answer::TerminalAttached {
        session: session.id().clone(),
        created,
        from: viewer.start(),
        end: session.state().end_offset,
    };
    writer.control(&attached).await?;
    let may_type = !spec.read_only;
    view::serve(workspace, &session, &viewer, may_type, (reader, writer)).await
}

fn find_or_make(
    workspace: &Workspace,
    spec: &TerminalSpec,
) -> Result<(Arc<Session>, bool), Failure> {
    let found = spec
        .session
        .as_ref()
        .and_then(|id| workspace.terminals.find(id));
    match (found, &spec.session) {
        (Some(session), _) => {
            if !spec.read_only {
                let _ended_already = session.resize(spec.size);
            }
            Ok((session, false))
        }
        (None, Some(id)) if spec.attach_only || spec.read_only => {
            let message = format!("there is no terminal session {id}");
            Err(Failure::new(FailureCode::NotFound, message))
        }
        (None, None) if spec.attach_only || spec.read_only => {
            let message = "attaching needs the id of a terminal session";
            Err(Failure::new(FailureCode::Invalid, message))
        }
        (None, _) => Ok((make(workspace, spec)?, true)),
    }
}

fn make(workspace: &Workspace, spec: &TerminalSpec) -> Result<Arc<Session>, Failure> {
    if workspace.terminals.process_ids().len() >= MAX_SESSIONS {
        let message = format!("there are {MAX_SESSIONS} terminal sessions already; close one");
        return Err(Failure::new(FailureCode::TooLarge, message));
    }
    let id = match &spec.session {
        Some(id) => id.clone(),
        None => workspace.terminals.new_id()?,
    };
    let context = workspace.context();
    let account = context.account_of(spec.user.as_deref())?;
    let argv = match spec.argv.is_empty() {
        true => vec![account.shell.display().to_string(), "-l".to_owned()],
        false => spec.argv.clone(),
    };
    let internal = |error: std::io::Error| {
        Failure::new(FailureCode::Internal, format!("making a terminal: {error}"))
    };
    let directory = workspace.state.join("recordings");
    let recording = spec
        .record
        .then(|| Recording::start(&directory, &id, spec.size))
        .transpose()
        .map_err(internal)?;
    let (device, theirs) = Device::open(spec.size, &account).map_err(internal)?;
    let command = terminal_command(&context, spec, argv.clone(), theirs)?;
    let exit = workspace.reaper.spawn(command).map_err(|error| {
        let outcome = error.to_outcome();
        Failure::new(
            FailureCode::Invalid,
            format!("the terminal's command: {outcome}"),
        )
    })?;
    let keeping = Keeping {
        recording,
        size: spec.size,
        typing: Arc::clone(&workspace.terminals.typing),
    };
    let session = Session::start(id, argv, keeping, device, exit);
    workspace.terminals.add(session.clone());
    workspace.note_activity(ActivitySource::Terminal, 1);
    Ok(session)
}

fn terminal_command(
    context: &Context,
    spec: &TerminalSpec,
    argv: Vec<String>,
    theirs: std::os::fd::OwnedFd,
) -> Result<crate::process::Command, Failure> {
    let internal = |error: std::io::Error| {
        Failure::new(FailureCode::Internal, format!("making a terminal: {error}"))
    };
    let descriptors = Descriptors {
        stdin: Some(theirs.try_clone().map_err(internal)?),
        stdout: Some(theirs.try_clone().map_err(internal)?),
        stderr: Some(theirs),
    };
    let mut env = BTreeMap::from([("TERM".to_owned(), "xterm-256color".to_owned())]);
    env.extend(spec.env.clone());
    let custom = Custom {
        env,
        directory: spec.directory.clone(),
        user: spec.user.clone(),
        by_person: true,
    };
    context.command(argv, &custom, descriptors, Standing::TerminalSession)
}

/// Answers a `CloseTerminal` request: the session is forgotten once it has ended, so that its id can
/// be used again. Viewers are told the end first.
pub(crate) fn close(workspace: &Arc<Workspace>, id: &SessionId) -> Result<Answer, Failure> {
    let Some(session) = workspace.terminals.find(id) else {
        let message = format!("there is no terminal session {id}");
        return Err(Failure::new(FailureCode::NotFound, message));
    };
    let Some(process_id) = session.living_process_id() else {
        workspace.terminals.forget(&session);
        return Ok(Answer::Done);
    };
    signal_group(process_id, Signal::Hup);
    let workspace = workspace.clone();
    tokio::spawn(async move {
        let mut progress = session.watch();
        let ended = |progress: &session::Progress| progress.outcome.is_some();
        if tokio::time::timeout(CLOSE_GRACE, progress.wait_for(ended))
            .await
            .is_err()
        {
            signal_group(process_id, Signal::Kill);
        }
        drop(progress.wait_for(ended).await);
        workspace.terminals.forget(&session);
    });
    Ok(Answer::Done)
}
