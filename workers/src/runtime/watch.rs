//! A workspace that is up: its services' health, its activity, and the end nobody asked for.
//!
//! The watch reads init's reports over a connection that breaks when the machine ends, so an
//! unasked end is noticed at once and alike for every provider. It tells only what the log does
//! not know: the decider drops what is recorded already.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nexus_events::id::WorkspaceId;
use nexus_events::work::OutputChunk;
use nexus_events::workspace::{Command, Definition, MachineExit};
use nexus_init_protocol::{Client, ClientError, report};
use nexus_nats::clock;

use super::follow::{Heard, ServiceHeard, hear, service_now, timestamp};
use super::recorder::{Origin, RecordError, Recorder};
use super::{Runtime, Shared};
use crate::provider::{MachineState, Provider};

/// How long init may be silent before the machine is looked at.
const INIT_LIMIT: Duration = Duration::from_millis(500);
/// Between two looks at a machine whose init does not answer, or an engine that does not: short at
/// first, since an engine takes a moment to notice an end.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One workspace being watched.
struct Watch<P> {
    runtime: Runtime<P>,
    workspace: WorkspaceId,
    epoch: u64,
    definition: Definition,
    handle: String,
    recorder: Recorder,
    /// The last report heard; `None` when nobody remembers.
    after: Option<u64>,
}

impl<P: Provider> Runtime<P> {
    /// Watches a workspace that is up, until it is not or somebody works on it.
    pub(super) fn watch(&self, workspace: WorkspaceId, epoch: u64, recorder: Recorder) {
        let Some(definition) = recorder.state().definition.clone() else {
            return;
        };
        let machine = recorder.state().machine.as_ref();
        let handle = machine
            .map(|machine| machine.handle.clone())
            .unwrap_or_default();
        let after = self.shared.positions.read(workspace, &handle);
        let recorder = recorder.with_origin(Origin::unasked(self.shared.node));
        let runtime = self.clone();
        let ending = self.shared.ending.clone();
        let watch = Watch {
            runtime,
            workspace,
            epoch,
            definition,
            handle,
            recorder,
            after,
        };
        let task = tokio::spawn(async move {
            let _ended = ending.run_until_cancelled(watch.run()).await;
        });
        self.shared.turns.watch(workspace, task);
    }
}

impl<P: Provider> Watch<P> {
    async fn run(mut self) {
        self.open_ports().await;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.follow().await {
                // It was connected until now.
                Ok(()) | Err(ClientError::Frame(_) | ClientError::Ended { .. }) => {
                    pause = FIRST_PAUSE;
                }
                Err(error) => {
                    tracing::debug!(%error, workspace = %self.workspace, "init is out of reach");
                }
            }
            if let Some(exit) = self.look().await {
                self.tell_exit(exit).await;
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Has the ports the log speaks of lead to the services, the same ones where they are free.
    async fn open_ports(&mut self) {
        for (name, known) in self.recorder.state().services.clone() {
            if known.mapped_port.is_none() {
                continue;
            }
            self.tell_service(ServiceHeard {
                name,
                status: known.status,
                port: known.port,
                cause: known.cause,
                step: None,
            })
            .await;
        }
    }

    fn shared(&self) -> &Shared<P> {
        &self.runtime.shared
    }

    /// Hears reports until the connection ends.
    async fn follow(&mut self) -> Result<(), ClientError> {
        let socket = self.shared().provider.init_socket(self.workspace);
        let client = Client::connect_within(&socket, INIT_LIMIT).await?;
        let after = match self.after {
            Some(after) => after,
            None => self.compare(&client).await?,
        };
        let mut reports = client.reports(after).await?;
        while let Some(report) = reports.next().await? {
            self.take(report).await;
        }
        Ok(())
    }

    /// Tells how the services stand now, which stands for every report up to the number returned.
    async fn compare(&mut self, client: &Client) -> Result<u64, ClientError> {
        let status = client.status().await?;
        for service in status.services.iter().filter_map(service_now) {
            self.tell_service(service).await;
        }
        self.after = Some(status.last_report);
        Ok(status.last_report)
    }

    async fn take(&mut self, report: report::Report) {
        let (number, at_ms) = (report.number, report.at_ms);
        let operation = report.operation.parse();
        let heard = hear(report.event, &self.definition.name);
        let is_output = matches!(heard, Heard::Output { .. });
        match heard {
            Heard::Output { step, stream, text } => {
                if let Ok(operation) = operation {
                    let (workspace, at) = (self.workspace, timestamp(at_ms));
                    let chunk = OutputChunk {
                        at,
                        workspace,
                        operation,
                        step,
                        stream,
                        text,
                    };
                    self.shared().output.write(chunk).await;
                }
            }
            Heard::Service(service) => self.tell_service(service).await,
            Heard::Activity { source, at } => {
                let at = by_our_clock(at, timestamp(at_ms));
                self.tell(Command::ObserveActivity { source, at }).await;
            }
            Heard::Step(_)
            | Heard::HostKey { .. }
            | Heard::Cloned { .. }
            | Heard::Finished(_)
            | Heard::Nothing => {}
        }
        self.after = Some(number);
        self.shared()
            .positions
            .note(self.workspace, &self.handle, number, is_output);
    }

    async fn tell_service(&mut self, heard: ServiceHeard) {
        let known = self.recorder.state().services.get(&heard.name).cloned();
        let (workspace, epoch) = (self.workspace, self.epoch);
        let command = self
            .shared()
            .service_command(workspace, epoch, heard, known.as_ref())
            .await;
        self.tell(command).await;
    }

    /// How the machine ended, if it did.
    async fn look(&self) -> Option<MachineExit> {
        let observed = match self.shared().provider.observe(self.workspace).await {
            Ok(observed) => observed,
            Err(error) => {
                // An engine that does not answer says nothing about the machine.
                tracing::warn!(%error, workspace = %self.workspace, "the machine cannot be seen");
                return None;
            }
        };
        exit_of(observed.state)
    }

    async fn tell_exit(&mut self, exit: MachineExit) {
        tracing::warn!(workspace = %self.workspace, cause = exit.cause, "the machine ended unasked");
        let epoch = self.epoch;
        self.tell(Command::ReportExit { epoch, exit }).await;
    }

    async fn tell(&mut self, command: Command) {
        match self.recorder.record(None, command).await {
            Ok(_) => {}
            Err(RecordError::Rejected(reason)) => {
                tracing::debug!(%reason, workspace = %self.workspace, "not told");
            }
            Err(error) => tracing::error!(%error, workspace = %self.workspace, "not told"),
        }
    }
}

/// When something happened that init tells of, by the clock all compare with: init knows only its
/// own, which may be wrong, but knows how long ago it was when it told. A report that comes late,
/// because nobody listened, makes activity look younger, which keeps a workspace up.
fn by_our_clock(happened: Timestamp, told: Timestamp) -> Timestamp {
    let ago = told.duration_since(happened).max(SignedDuration::ZERO);
    clock::now().saturating_sub(ago).unwrap_or(happened)
}

/// The end a machine's state speaks of; `None` while it runs.
pub(super) fn exit_of(state: MachineState) -> Option<MachineExit> {
    let unseen = |cause: &str| {
        Some(MachineExit {
            code: None,
            out_of_memory: false,
            cause: cause.to_owned(),
        })
    };
    match state {
        MachineState::Running => None,
        MachineState::Stopped(exit) => Some(exit),
        MachineState::Absent => unseen("the machine was removed by somebody else"),
        MachineState::Created => unseen("the machine was replaced by somebody else"),
        MachineState::Broken { cause } => unseen(&cause),
    }
}
