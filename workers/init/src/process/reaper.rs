//! Waits for every child, ours and adopted ones.
//!
//! A child may end before its number is registered. Both spawning and reaping hold the same lock, so
//! the end of a child is always seen after its registration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use nexus_init_protocol::ExitOutcome;
use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::spawn::{Command, SpawnError};
use crate::sync::Lock;

/// Knows how a child ended as soon as it has.
#[derive(Debug, Clone)]
pub(crate) struct ExitWatch {
    process_id: u32,
    outcome: watch::Receiver<Option<ExitOutcome>>,
}

impl ExitWatch {
    pub(crate) fn process_id(&self) -> u32 {
        self.process_id
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<ExitOutcome> {
        self.outcome.borrow().clone()
    }

    /// Waits for the end. Dropping a pending call loses nothing.
    pub(crate) async fn ended(&mut self) -> ExitOutcome {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(ExitOutcome::Lost),
            Err(_reaper_is_gone) => ExitOutcome::Lost,
        }
    }
}

type Children = HashMap<u32, watch::Sender<Option<ExitOutcome>>>;

/// Starts children and waits for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reaper {
    children: Arc<Mutex<Children>>,
}

impl Reaper {
    /// Starts a child and remembers it.
    pub(crate) fn spawn(&self, command: Command) -> Result<ExitWatch, SpawnError> {
        let mut children = self.children.hold();
        let process_id = command.spawn()?;
        let (sender, outcome) = watch::channel(None);
        children.insert(process_id, sender);
        Ok(ExitWatch {
            process_id,
            outcome,
        })
    }

    /// Waits for children for ever.
    pub(crate) async fn run(self) -> std::io::Result<()> {
        let mut child_ended = signal(SignalKind::child())?;
        loop {
            self.reap();
            child_ended.recv().await;
        }
    }

    fn reap(&self) {
        let mut children = self.children.hold();
        while let Some((process_id, outcome)) = next_ended() {
            if let Some(sender) = children.remove(&process_id) {
                sender.send_replace(Some(outcome));
            }
        }
    }
}

fn next_ended() -> Option<(u32, ExitOutcome)> {
    let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
    let outcome = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitOutcome::Exited { code },
        (None, Some(signal)) => ExitOutcome::Signalled { signal },
        (None, None) => ExitOutcome::Lost,
    };
    let process_id = u32::try_from(pid.as_raw_pid()).ok()?;
    Some((process_id, outcome))
}
