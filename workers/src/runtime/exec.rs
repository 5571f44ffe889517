//! Commands run inside workspaces of this node: asked over the bus, carried out by init.

use std::sync::Arc;
use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::work::{Bytes, ExecExit, ExecFrame, ExecRequest};
use nexus_init_protocol::client::{ExecEvent, ExecEvents, ExecInput};
use nexus_init_protocol::{
    Client, ClientError, ExecId, ExecSpec, ExitOutcome, FailureCode as InitCode, OutputStream,
    Signal,
};
use nexus_nats::exec::{ExecCall, ExecCallError, Execs};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Runtime;
use crate::provider::Provider;

/// Commands run at once on this node; more wait.
const AT_ONCE: usize = 256;
/// Beyond a command's own limit, for the way there and back.
const ALLOWANCE: Duration = Duration::from_secs(10);

/// How a call came to its end.
enum Ended {
    Frame(ExecFrame),
    ReaderGone,
}

impl<P: Provider> Runtime<P> {
    /// Serves commands until `stop`.
    ///
    /// # Errors
    /// The bus refuses the subscription.
    pub async fn serve_execs(
        &self,
        execs: &Execs,
        stop: CancellationToken,
    ) -> Result<(), ExecCallError> {
        let mut requests = execs.serve(self.node()).await?;
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                return Ok(());
            };
            let call = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                call = requests.next() => call,
            };
            let Some(call) = call else { return Ok(()) };
            let runtime = self.clone();
            tokio::spawn(async move {
                runtime.answer(call).await;
                drop(permit);
            });
        }
    }

    async fn answer(&self, mut call: ExecCall) {
        let limit = Duration::from_secs(u64::from(call.request.timeout_seconds)) + ALLOWANCE;
        let ended = match tokio::time::timeout(limit, self.run(&mut call)).await {
            Ok(ended) => ended,
            Err(_) => Ended::Frame(ExecFrame::Failed(Failure::new(
                FailureCode::Timeout,
                format!("it did not end within {} s", call.request.timeout_seconds),
                "give it more time, or run it in a terminal: nexus workspace ssh NAME",
            ))),
        };
        if let Ended::Frame(frame) = ended
            && call.send(&frame).await.is_err()
        {
            tracing::debug!(exec = %call.request.id, "nobody waits for the end any more");
        }
    }

    async fn run(&self, call: &mut ExecCall) -> Ended {
        let spec = match spec_of(&call.request) {
            Ok(spec) => spec,
            Err(failure) => return Ended::Frame(ExecFrame::Failed(failure)),
        };
        let socket = self.provider().init_socket(call.request.workspace);
        let started = async { Client::connect(&socket).await?.exec(&spec).await };
        let (input, events) = match started.await {
            Ok(stream) => stream.split(),
            Err(error) => return Ended::Frame(ExecFrame::Failed(failure_of(&error))),
        };
        let stdin = std::mem::take(&mut call.request.stdin);
        let feeding = feed(input, stdin.0);
        let carrying = carry(events, call);
        tokio::pin!(feeding, carrying);
        // The program may end without reading all of its input; then the input does not matter.
        let ended = tokio::select! {
            ended = &mut carrying => return ended_or_killed(ended, None).await,
            input = &mut feeding => input,
        };
        ended_or_killed(carrying.await, Some(ended)).await
    }
}

/// A reader that is gone ends the command.
async fn ended_or_killed(ended: Ended, input: Option<ExecInput>) -> Ended {
    if let (Ended::ReaderGone, Some(mut input)) = (&ended, input)
        && let Err(error) = input.signal(Signal::Kill).await
    {
        tracing::debug!(%error, "a command nobody reads could not be ended");
    }
    ended
}

/// Writes all of the standard input; gives the way in back, for a signal.
async fn feed(mut input: ExecInput, bytes: Vec<u8>) -> ExecInput {
    const PIECE: usize = 32 << 10;
    let mut fed = Ok(());
    for piece in bytes.chunks(PIECE) {
        fed = input.write(piece).await;
        if fed.is_err() {
            break;
        }
    }
    if let Err(error) = fed.and(input.end().await) {
        tracing::debug!(%error, "the command did not read all of its input");
    }
    input
}

/// Carries output to whoever asked.
async fn carry(mut events: ExecEvents, call: &mut ExecCall) -> Ended {
    loop {
        let frame = match events.next().await {
            Ok(ExecEvent::Output {
                stream: OutputStream::Stdout,
                bytes,
                ..
            }) => ExecFrame::Stdout(Bytes(bytes.to_vec())),
            Ok(ExecEvent::Output {
                stream: OutputStream::Stderr,
                bytes,
                ..
            }) => ExecFrame::Stderr(Bytes(bytes.to_vec())),
            Ok(ExecEvent::Ended(outcome)) => return Ended::Frame(end_of(outcome)),
            Err(error) => return Ended::Frame(ExecFrame::Failed(failure_of(&error))),
        };
        if call.send(&frame).await.is_err() {
            return Ended::ReaderGone;
        }
    }
}

fn spec_of(request: &ExecRequest) -> Result<ExecSpec, Failure> {
    let id = ExecId::new(request.id.to_string()).map_err(|error| {
        Failure::new(
            FailureCode::InternalError,
            error.to_string(),
            "report this as a fault",
        )
    })?;
    let mut spec = ExecSpec::new(request.argv.iter().cloned()).claimed(id);
    spec.env = request.environment.clone();
    spec.directory = request.directory.clone();
    spec.timeout_ms = Some(u64::from(request.timeout_seconds) * 1000);
    Ok(spec)
}

fn end_of(outcome: ExitOutcome) -> ExecFrame {
    let failed =
        |code, cause: String, hint: &str| ExecFrame::Failed(Failure::new(code, cause, hint));
    match outcome {
        ExitOutcome::Exited { code } => ExecFrame::Exit(ExecExit::Code(code)),
        ExitOutcome::Signalled { signal } => ExecFrame::Exit(ExecExit::Signal(signal)),
        // As a shell has it: what could not be run is an exit code, not a fault of ours.
        ExitOutcome::NotStarted { code, .. } => ExecFrame::Exit(ExecExit::Code(code)),
        ExitOutcome::TimedOut => failed(
            FailureCode::Timeout,
            "it was killed at its time limit".into(),
            "give it more time, or run it in a terminal: nexus workspace ssh NAME",
        ),
        ExitOutcome::Lost => failed(
            FailureCode::MachineExited,
            "the workspace was restarted while it ran".into(),
            "run it again",
        ),
    }
}

fn failure_of(error: &ClientError) -> Failure {
    let start = "see whether it runs: nexus workspace status NAME";
    match error.failure() {
        Some(failure) => {
            let code = match failure.code {
                InitCode::Invalid | InitCode::TooLarge => FailureCode::ValidationError,
                InitCode::NotFound => FailureCode::NotFound,
                InitCode::Denied => FailureCode::AuthenticationError,
                InitCode::ConnectionRefused | InitCode::NotReady | InitCode::Stale => {
                    FailureCode::Conflict
                }
                InitCode::Internal => FailureCode::InternalError,
            };
            Failure::new(code, failure.message.clone(), start)
        }
        None => Failure::new(FailureCode::NetworkError, error.to_string(), start),
    }
}
