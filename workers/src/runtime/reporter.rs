//! The reports of one operation: told in order, beside the effects, so that no effect waits for a
//! disk. Only the outcome is waited for.
//!
//! The same task looks every so often whether the operation is still in flight. Either way of
//! learning that it is not, a refused report or that look, sets the [`Halt`] that the work selects
//! on, so superseded work stops within one interval even when it has nothing to report.

use std::time::Duration;

use nexus_events::id::{CommandId, NodeId, OperationId};
use nexus_events::workspace::{Command, Report};
use nexus_nats::clock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::halt::Halt;
use super::recorder::{RecordError, Recorder};
use super::ssh_port::ssh_port;

/// Reports waiting to be told; a full queue makes the work wait.
const QUEUE: usize = 256;

/// One operation as its worker knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand {
    pub(super) command: CommandId,
    pub(super) operation: OperationId,
    pub(super) epoch: u64,
    pub(super) node: NodeId,
}

enum Message {
    Tell { seed: String, command: Box<Command> },
    Flush(oneshot::Sender<()>),
    SshPort(oneshot::Sender<Option<u16>>),
}

/// Takes the reports of one operation. Dropped, it forgets what was not told yet.
#[derive(Debug)]
pub(super) struct Reporter {
    errand: Errand,
    queue: mpsc::Sender<Message>,
    halt: watch::Receiver<Option<Halt>>,
    task: JoinHandle<Recorder>,
}

impl Reporter {
    pub(super) fn start(errand: Errand, recorder: Recorder, interval: Duration) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (halting, halt) = watch::channel(None);
        let task = tokio::spawn(tell_all(errand, recorder, messages, halting, interval));
        Self {
            errand,
            queue,
            halt,
            task,
        }
    }

    /// Tells how the operation goes. `label` is unique within the operation on this node: a second
    /// delivery that tells the same is not heard again.
    pub(super) async fn report(&self, label: &str, report: Report) {
        let Errand {
            operation,
            epoch,
            node,
            ..
        } = self.errand;
        let node = Some(node);
        self.tell(
            label,
            Command::Report {
                operation,
                epoch,
                node,
                report,
            },
        )
        .await;
    }

    /// Tells something else about the workspace, in the same order.
    pub(super) async fn tell(&self, label: &str, command: Command) {
        let seed = format!("{}:{}:{label}", self.errand.command, self.errand.node);
        let command = Box::new(command);
        // A closed queue means that the halt is set, which the work selects on.
        let _halted = self.queue.send(Message::Tell { seed, command }).await;
    }

    /// Waits until everything so far is stored.
    ///
    /// # Errors
    /// The reason it never will be.
    pub(super) async fn flush(&self) -> Result<(), Halt> {
        let (done, stored) = oneshot::channel();
        let _halted = self.queue.send(Message::Flush(done)).await;
        match stored.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.halted().await),
        }
    }

    /// The port the workspace is to answer SSH on by now.
    ///
    /// # Errors
    /// The operation is no longer ours to work on.
    pub(super) async fn ssh_port(&self) -> Result<Option<u16>, Halt> {
        let (answer, port) = oneshot::channel();
        let _halted = self.queue.send(Message::SshPort(answer)).await;
        match port.await {
            Ok(port) => Ok(port),
            Err(_) => Err(self.halted().await),
        }
    }

    /// Waits until the operation is no longer ours to work on.
    pub(super) async fn halted(&self) -> Halt {
        let mut halt = self.halt.clone();
        match halt.wait_for(Option::is_some).await {
            Ok(halt) => halt.clone().unwrap_or(Halt::Superseded),
            Err(_) => Halt::HandBack("the reports were given up".into()),
        }
    }

    /// Everything told, the recorder goes on to whoever watches the workspace.
    pub(super) async fn finish(mut self) -> Option<Recorder> {
        let (queue, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.queue, queue));
        (&mut self.task).await.ok()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tell_all(
    errand: Errand,
    mut recorder: Recorder,
    mut messages: mpsc::Receiver<Message>,
    halt: watch::Sender<Option<Halt>>,
    interval: Duration,
) -> Recorder {
    let mut looks = tokio::time::interval(interval);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks.reset();
    loop {
        let told = tokio::select! {
            message = messages.recv() => match message {
                Some(Message::Tell { seed, command }) => {
                    recorder.record(Some(seed), *command).await.map(drop)
                }
                Some(Message::Flush(done)) => {
                    let _nobody_waits = done.send(());
                    Ok(())
                }
                Some(Message::SshPort(answer)) => {
                    let looked = look(&errand, &mut recorder).await;
                    let _nobody_waits = answer.send(ssh_port(recorder.state()));
                    looked
                }
                None => return recorder,
            },
            _ = looks.tick() => look(&errand, &mut recorder).await,
        };
        if let Err(error) = told {
            halt.send_replace(Some(halt_of(error)));
            return recorder;
        }
    }
}

/// Reads the workspace's newer events: is the operation still in flight, and before its deadline?
async fn look(errand: &Errand, recorder: &mut Recorder) -> Result<(), RecordError> {
    let gone = |operation| nexus_events::workspace::Rejection::NotInFlight { operation };
    if let Err(error) = recorder.catch_up().await {
        // The log is away: nothing can have superseded us that we could see. The next look tells.
        tracing::debug!(%error, "whether the operation is still wanted cannot be seen");
        return Ok(());
    }
    let current = recorder.state().operation.as_ref();
    match current.filter(|current| current.id == errand.operation && current.epoch == errand.epoch)
    {
        None => Err(gone(errand.operation).into()),
        Some(current) if current.deadline < clock::now() => {
            let time_out = Command::TimeOut {
                operation: errand.operation,
                now: clock::now(),
            };
            recorder.record(None, time_out).await?;
            Err(gone(errand.operation).into())
        }
        Some(_) => Ok(()),
    }
}

fn halt_of(error: RecordError) -> Halt {
    match error {
        RecordError::Rejected(reason) => {
            tracing::info!(%reason, "the operation is let go of");
            Halt::Superseded
        }
        RecordError::Refused(_) | RecordError::Unreadable(_) => {
            let mut text = error.to_string();
            let mut below = std::error::Error::source(&error);
            while let Some(cause) = below {
                text = format!("{text}: {cause}");
                below = cause.source();
            }
            Halt::HandBack(text)
        }
    }
}
