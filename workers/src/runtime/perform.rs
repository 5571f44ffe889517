//! One command, from taking it to its outcome.

use std::time::Duration;

use jiff::Timestamp;
use nexus_events::failure::Failure;
use nexus_events::work::WorkCommand;
use nexus_events::workspace::{Command, Definition, OperationKind, Rejection, Report};
use nexus_nats::{Snapshot, clock};
use tokio_util::sync::CancellationToken;

use super::bring_up::bring_up;
use super::halt::Halt;
use super::recorder::{Origin, RecordError, Recorder};
use super::reporter::{Errand, Reporter};
use super::ssh_port::ssh_port;
use super::tear_down::{delete, stop};
use super::turns::Turn;
use super::{Runtime, Shared};
use crate::provider::Provider;

const ENDING: &str = "the worker is ending";
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a command came out, as the queue is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its outcome is in the log, or it is nobody's any more: take it from the queue.
    Done,
    /// Another node has taken it and has not finished: it is to come again until that node takes
    /// it up anew, or the log calls it over.
    Elsewhere,
    /// Not done: let it come again.
    HandBack(String),
    /// It can never be done: put it where a person sees it.
    Park(String),
}

/// What the parts of an operation work with.
pub(super) struct Job<'a, P> {
    pub(super) shared: &'a Shared<P>,
    pub(super) command: &'a WorkCommand,
    pub(super) definition: &'a Definition,
    /// As of the fence: an earlier delivery may have been given another than was asked for.
    pub(super) ssh_port: Option<u16>,
    pub(super) reporter: &'a Reporter,
}

impl<P> Clone for Job<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Job<'_, P> {}

impl<P: Provider> Runtime<P> {
    /// Works on a command; `redelivered` when it may have been worked on before.
    ///
    /// Dropping the future is safe at any await: the next delivery goes on where this one was.
    pub async fn perform(&self, command: &WorkCommand, redelivered: bool) -> Verdict {
        let shared = &*self.shared;
        let Some(definition) = &command.workspace_state.definition else {
            return Verdict::Park("the command's workspace was never asked for".into());
        };
        if command.provider != shared.provider.kind() {
            return Verdict::Park(format!("this worker drives {}", shared.provider.kind()));
        }
        let turn = shared
            .turns
            .take(command.workspace, command.operation, command.epoch)
            .await;
        let placed = tokio::select! {
            placed = self.place(command, redelivered) => placed,
            () = shared.ending.cancelled() => return Verdict::HandBack(ENDING.into()),
        };
        let recorder = match placed {
            Ok(recorder) => recorder,
            Err(error) => return not_placed(error),
        };
        // What happens to the workspace from here on is this operation's to tell.
        shared.turns.unwatch(command.workspace);
        let ssh_port = ssh_port(recorder.state());
        let reporter = Reporter::start(
            Errand {
                command: command.id,
                operation: command.operation,
                epoch: command.epoch,
                node: shared.node,
            },
            recorder,
            shared.options.fence_interval,
        );
        let job = Job {
            shared,
            command,
            definition,
            ssh_port,
            reporter: &reporter,
        };
        match self.work(job, &turn).await {
            Ok(()) => {
                let machine_runs =
                    matches!(command.kind, OperationKind::Create | OperationKind::Start);
                if let (true, Some(recorder)) = (machine_runs, reporter.finish().await) {
                    self.watch(command.workspace, command.epoch, recorder);
                }
                Verdict::Done
            }
            Err(Halt::HandBack(reason)) => Verdict::HandBack(reason),
            Err(Halt::Superseded | Halt::Overdue | Halt::Failed(_)) => Verdict::Done,
        }
    }

    /// The fence: the log lets one node take the operation, and only while it is in flight.
    async fn place(
        &self,
        command: &WorkCommand,
        redelivered: bool,
    ) -> Result<Recorder, RecordError> {
        let shared = &*self.shared;
        let node = shared.node;
        let origin = Origin::of_command(
            node,
            command.correlation,
            command.id,
            command.traceparent.clone(),
        );
        let snapshot = Snapshot::new(command.workspace_state.clone(), command.sequence);
        let workspaces = shared.workspaces.clone();
        let mut recorder = Recorder::new(workspaces, command.workspace, origin, snapshot);
        let place = Command::Place {
            operation: command.operation,
            epoch: command.epoch,
            node,
        };
        if redelivered {
            recorder.look_back(command.sequence).await?;
        }
        let placed = recorder
            .record(Some(format!("{}:{node}:placed", command.id)), place.clone())
            .await?;
        if placed.is_none() && !redelivered {
            recorder.look_back(command.sequence).await?;
        }
        // All of this may be told already, also where the command is new and was made from an old
        // state, and the workspace gone since: what was told once is not told again, so nothing
        // later would be refused.
        recorder.allows(&place)?;
        Ok(recorder)
    }

    /// Does the work until it is done, fails, or is no longer wanted; then tells the outcome.
    async fn work(&self, job: Job<'_, P>, turn: &Turn) -> Result<(), Halt> {
        let ended = tokio::select! {
            biased;
            halt = job.reporter.halted() => Err(halt),
            () = turn.superseded.cancelled() => Err(Halt::Superseded),
            () = job.shared.ending.cancelled() => Err(Halt::HandBack(ENDING.into())),
            () = until(job.command.deadline) => Err(Halt::Overdue),
            done = effects(job) => done,
        };
        tokio::select! {
            told = self.tell_outcome(job, ended) => told,
            () = last_words(&job.shared.ending) => Err(Halt::HandBack(ENDING.into())),
        }
    }

    /// Tells how the work ended, where that is this worker's to tell, and waits until it is stored.
    async fn tell_outcome(&self, job: Job<'_, P>, ended: Result<Report, Halt>) -> Result<(), Halt> {
        match ended {
            Ok(outcome) => {
                job.reporter.report("outcome", outcome).await;
                job.reporter.flush().await
            }
            Err(Halt::Failed(failure)) => self.fail(job, failure).await,
            Err(Halt::Overdue) => {
                let (operation, now) = (job.command.operation, clock::now());
                let time_out = Command::TimeOut { operation, now };
                job.reporter.tell("overdue", time_out).await;
                job.reporter.flush().await?;
                Err(Halt::Overdue)
            }
            Err(halt) => Err(halt),
        }
    }

    async fn fail(&self, job: Job<'_, P>, failure: Failure) -> Result<(), Halt> {
        tracing::warn!(
            workspace = %job.command.workspace,
            operation = %job.command.operation,
            cause = failure.cause,
            "the operation failed"
        );
        job.reporter
            .report(
                "outcome",
                Report::Failed {
                    failure: failure.clone(),
                },
            )
            .await;
        job.reporter.flush().await?;
        Err(Halt::Failed(failure))
    }
}

/// Why the log did not let this node take the command, as the queue is to be answered.
fn not_placed(error: RecordError) -> Verdict {
    match error {
        RecordError::Rejected(Rejection::PlacedElsewhere { .. }) => Verdict::Elsewhere,
        RecordError::Rejected(reason) => {
            tracing::info!(%reason, "the command is nobody's any more");
            Verdict::Done
        }
        error => Verdict::HandBack(error.to_string()),
    }
}

/// A worker that ends waits this long for a log that is away, and no longer.
async fn last_words(ending: &CancellationToken) {
    ending.cancelled().await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// Brings the operation about; its outcome is still to be told.
async fn effects<P: Provider>(job: Job<'_, P>) -> Result<Report, Halt> {
    match job.command.kind {
        OperationKind::Create | OperationKind::Start => bring_up(job).await,
        OperationKind::Stop => stop(job).await,
        OperationKind::Delete => delete(job).await,
    }
}

/// Until `deadline`, by this machine's clock; half a second later, so that the log agrees.
async fn until(deadline: Timestamp) {
    let left = deadline.duration_since(clock::now());
    let left = Duration::try_from(left).unwrap_or_default();
    tokio::time::sleep(left + Duration::from_millis(500)).await;
}
