//! Running one command of a step: its output goes to the journal, its failure to the step.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_init_protocol::{ExitOutcome, Signal, StepName};

use super::{StepError, failure};
use crate::context::{Custom, Descriptors};
use crate::exec::output::ProcessOutput;
use crate::process::spawn::pipe;
use crate::process::{KillOnDrop, Standing, signal_group};
use crate::transcript::Transcript;
use crate::workspace::Workspace;

/// One command of a step.
#[derive(Debug)]
pub(super) struct StepCommand {
    pub(super) step: StepName,
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) limit: Duration,
}

/// How it ended, with the last lines it wrote.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: ExitOutcome,
    pub(super) last_lines: Vec<String>,
}

impl StepCommand {
    /// Runs it in the workspace directory as the work user. It is killed with all its children when
    /// its time is over or the set-up is aborted.
    pub(super) async fn run(self, workspace: &Workspace) -> Result<Ended, StepError> {
        let internal =
            |error: std::io::Error| failure("internal", format!("making pipes: {error}"));
        let (stdout, child_out) = pipe().map_err(internal)?;
        let (stderr, child_error) = pipe().map_err(internal)?;
        let descriptors = Descriptors {
            stdin: None,
            stdout: Some(child_out),
            stderr: Some(child_error),
        };
        let custom = Custom {
            env: self.env,
            ..Custom::default()
        };
        let context = workspace.context();
        let command = context.command(self.argv, &custom, descriptors, Standing::Group);
        let command = command.map_err(|refused| failure("internal", refused.message))?;
        let exit = match workspace.reaper.spawn(command) {
            Ok(exit) => exit,
            Err(error) => {
                return Ok(Ended {
                    outcome: error.to_outcome(),
                    last_lines: Vec::new(),
                });
            }
        };
        let process_id = exit.process_id();
        let mut kill = KillOnDrop::new(process_id);
        let mut output = ProcessOutput::new(stdout, stderr, exit).map_err(internal)?;
        let mut transcript = Transcript::new(self.step);
        let followed = transcript.follow(workspace, &mut output);
        let outcome = match tokio::time::timeout(self.limit, followed).await {
            Ok(outcome) => outcome.map_err(internal)?,
            Err(_) => {
                signal_group(process_id, Signal::Kill);
                ExitOutcome::TimedOut
            }
        };
        kill.disarm();
        Ok(Ended {
            outcome,
            last_lines: transcript.last_lines(),
        })
    }
}

impl Ended {
    /// The failure of a command that was to succeed.
    pub(super) fn into_failure(self, code: &str, what: &str, limit: Duration) -> StepError {
        let (code, cause) = match &self.outcome {
            ExitOutcome::TimedOut => (
                "step_timed_out",
                format!("{what} took longer than {} s", limit.as_secs_f64()),
            ),
            ExitOutcome::NotStarted { cause, .. } => (
                "program_missing",
                format!("{what} could not start: {cause}"),
            ),
            outcome => (code, format!("{what} ended with {outcome}")),
        };
        let mut error = failure(code, cause);
        error.0.outcome = Some(self.outcome);
        error.0.last_lines = self.last_lines;
        error
    }
}
