//! Commands run inside workspaces, over the link.
//!
//! A command is not claimed: it ends with its connection, so a caller that hangs up ends it and
//! nothing is kept for one that never comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::view::WorkspaceView;
use nexus_events::work::{Bytes, ExecExit, ExecFrame};
use nexus_init_protocol::client::{ExecEvent, ExecEvents, ExecInput};
use nexus_init_protocol::{ExecSpec, ExitOutcome, OutputStream};
use tokio_util::task::AbortOnDropHandle;

use super::{Gateway, ReachError};
use crate::chain;

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments, as they are: no shell is put between.
    pub argv: Vec<String>,
    /// Variables on top of the workspace's own.
    pub environment: BTreeMap<String, String>,
    /// The directory; absent: where the repository is.
    pub directory: Option<String>,
    /// Everything it reads from its standard input.
    pub stdin: Vec<u8>,
    /// When it is killed.
    pub limit: Duration,
}

/// A command under way. Dropping it ends the command.
#[derive(Debug)]
pub struct RunningCommand {
    events: ExecEvents,
    ended: bool,
    _feeding: AbortOnDropHandle<()>,
}

impl Gateway {
    /// Runs a command in a workspace whose machine runs.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub async fn run(
        &self,
        view: &WorkspaceView,
        command: Command,
    ) -> Result<RunningCommand, ReachError> {
        let client = self.reach(view).await?;
        let mut spec = ExecSpec::new(command.argv);
        spec.env = command.environment;
        spec.directory = command.directory;
        spec.timeout_ms = u64::try_from(command.limit.as_millis()).ok();
        let started = client.exec(&spec).await;
        let (input, events) = started
            .map_err(|error| ReachError::init(view, error))?
            .split();
        Ok(RunningCommand {
            events,
            ended: false,
            _feeding: AbortOnDropHandle::new(tokio::spawn(feed(input, command.stdin))),
        })
    }
}

impl RunningCommand {
    /// What comes next; `None` after the end was told. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ExecFrame> {
        if self.ended {
            return None;
        }
        let frame = match self.events.next().await {
            Ok(ExecEvent::Output { stream, bytes, .. }) => {
                let bytes = Bytes(bytes.to_vec());
                match stream {
                    OutputStream::Stdout => ExecFrame::Stdout(bytes),
                    OutputStream::Stderr => ExecFrame::Stderr(bytes),
                }
            }
            Ok(ExecEvent::Ended(outcome)) => end_of(&outcome),
            Err(error) => ExecFrame::Failed(Failure::new(
                FailureCode::NetworkError,
                chain::text(&error),
                "see whether it runs: nexus workspace status NAME",
            )),
        };
        self.ended = frame.is_last();
        Some(frame)
    }
}

/// Writes all of the standard input. A command need not read it.
async fn feed(mut input: ExecInput, bytes: Vec<u8>) {
    const PIECE: usize = 32 << 10;
    for piece in bytes.chunks(PIECE) {
        if let Err(error) = input.write(piece).await {
            tracing::debug!(%error, "a command did not read all of its input");
            return;
        }
    }
    if let Err(error) = input.end().await {
        tracing::debug!(%error, "a command did not wait for the end of its input");
    }
}

fn end_of(outcome: &ExitOutcome) -> ExecFrame {
    let failed = |code, cause: &str, hint: &str| ExecFrame::Failed(Failure::new(code, cause, hint));
    match outcome {
        ExitOutcome::Exited { code } => ExecFrame::Exit(ExecExit::Code(*code)),
        ExitOutcome::Signalled { signal } => ExecFrame::Exit(ExecExit::Signal(*signal)),
        // As a shell has it: what could not be run is an exit code, not a fault of ours.
        ExitOutcome::NotStarted { code, .. } => ExecFrame::Exit(ExecExit::Code(*code)),
        ExitOutcome::TimedOut => failed(
            FailureCode::Timeout,
            "it was killed at its time limit",
            "give it more time, or run it in a terminal: nexus workspace ssh NAME",
        ),
        ExitOutcome::Lost => failed(
            FailureCode::MachineExited,
            "the workspace was restarted while it ran",
            "run it again",
        ),
    }
}
