//! Everything init knows, shared by all connections and tasks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_init_protocol::{ActivitySource, ReportEvent, Status};
use tokio::sync::watch;

use crate::access::AccessStore;
use crate::activity::ActivityLog;
use crate::clock::now_ms;
use crate::context::Context;
use crate::credentials::CredentialStore;
use crate::exec::ExecTable;
use crate::journal::Journal;
use crate::process::Reaper;
use crate::pty::TerminalTable;
use crate::service::Supervisor;
use crate::setup::SetupControl;
use crate::ssh::Clients;
use crate::sync::Lock;

/// Version of this binary.
pub(crate) const INIT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// One workspace, seen from inside.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Init's own directory, which survives a restart.
    pub(crate) state: PathBuf,
    pub(crate) boot_id: String,
    pub(crate) up_since_ms: u64,
    pub(crate) journal: Journal,
    pub(crate) reaper: Reaper,
    pub(crate) activity: ActivityLog,
    pub(crate) setup: SetupControl,
    pub(crate) services: Supervisor,
    pub(crate) execs: ExecTable,
    pub(crate) terminals: TerminalTable,
    pub(crate) access: AccessStore,
    pub(crate) credentials: CredentialStore,
    pub(crate) ssh: Clients,
    context: Mutex<Arc<Context>>,
    stop: watch::Sender<Option<Duration>>,
    down: watch::Sender<bool>,
}

impl Workspace {
    /// Opens the state directory, which is made when missing.
    pub(crate) fn open(state: &Path) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(state.join("exec"))?;
        let (stop, _) = watch::channel(None);
        let (down, _) = watch::channel(false);
        Ok(Arc::new(Self {
            boot_id: read_boot_id()?,
            up_since_ms: now_ms(),
            journal: Journal::open(state.join("reports.ndjson"))?,
            reaper: Reaper::default(),
            activity: ActivityLog::default(),
            setup: SetupControl::default(),
            services: Supervisor::default(),
            execs: ExecTable::open(state.join("exec"))?,
            terminals: TerminalTable::default(),
            access: AccessStore::open(state)?,
            credentials: CredentialStore::default(),
            ssh: Clients::default(),
            context: Mutex::new(Arc::new(Context::before_setup())),
            state: state.to_owned(),
            stop,
            down,
        }))
    }

    /// User, directory and environment as of now.
    pub(crate) fn context(&self) -> Arc<Context> {
        self.context.hold().clone()
    }

    /// Processes started from here on get this context.
    pub(crate) fn set_context(&self, mut context: Context) -> Arc<Context> {
        let mut current = self.context.hold();
        context.credentials = self.credentials.env();
        *current = Arc::new(context);
        current.clone()
    }

    /// Processes started from here on get the credentials in force.
    pub(crate) fn renew_context(&self) {
        let mut current = self.context.hold();
        let mut context = Context::clone(&current);
        context.credentials = self.credentials.env();
        *current = Arc::new(context);
    }

    /// Notes activity and reports it when a report is due.
    pub(crate) fn note_activity(&self, source: ActivitySource, count: u64) {
        if let Some(last_ms) = self.activity.note(source, count) {
            self.journal
                .append(ReportEvent::Activity { source, last_ms });
        }
    }

    /// Asks for the end; the first grace counts.
    pub(crate) fn request_stop(&self, grace: Duration) {
        self.stop.send_if_modified(|stop| match stop {
            Some(_) => false,
            None => {
                *stop = Some(grace);
                true
            }
        });
    }

    /// Waits until somebody asks for the end.
    pub(crate) async fn stop_requested(&self) -> Duration {
        let mut stop = self.stop.subscribe();
        match stop.wait_for(Option::is_some).await {
            Ok(grace) => grace.unwrap_or_default(),
            Err(_) => Duration::ZERO,
        }
    }

    /// Everything but init is down: those who wait for it are told, which takes at most `limit`.
    pub(crate) async fn bid_farewell(&self, limit: Duration) {
        self.down.send_replace(true);
        let _slow_listener = tokio::time::timeout(limit, self.down.closed()).await;
    }

    /// Knows when everything but init is down; while it lives, init waits a moment before it exits.
    pub(crate) fn watch_down(&self) -> watch::Receiver<bool> {
        self.down.subscribe()
    }

    /// Whether the end was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// The state at this moment.
    pub(crate) fn status(&self) -> Status {
        Status {
            init_version: INIT_VERSION.to_owned(),
            boot_id: self.boot_id.clone(),
            up_since_ms: self.up_since_ms,
            last_report: self.journal.last(),
            setup: self.setup.state(),
            services: self.services.states(),
            sessions: self.terminals.states(),
            running_execs: self.execs.running(),
            ssh_connections: self.ssh.count(),
            activity: self.activity.snapshot(),
            access_revision: self.access.policy().revision(),
            credentials_revision: self.credentials.revision(),
        }
    }
}

fn read_boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(text.trim().to_owned())
}
