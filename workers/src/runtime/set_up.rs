//! The set-up inside the machine: handed to init as a plan, followed by its numbered reports.

use std::collections::HashMap;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::WorkspaceId;
use nexus_events::name::ServiceName;
use nexus_events::work::OutputChunk;
use nexus_events::workspace::{self, Command, Report, ServiceStatus, Step};
use nexus_init_protocol::{Client, ClientError, Readiness, report};
use nexus_nats::clock;

use super::bring_up::ended_failure;
use super::follow::{Heard, ServiceHeard, hear, timestamp};
use super::halt::Halt;
use super::perform::Job;
use super::plan::{setup_plan, workspace_directory};
use super::ssh_port::open_ssh;
use crate::ports::Target;
use crate::provider::{Image, Machine, MachineState, Provider};

/// How often a lost connection to init is made anew before the machine is looked at.
const RECONNECTS: u32 = 3;

/// A machine whose init answered.
pub(super) struct Reached {
    pub(super) image: Image,
    pub(super) machine: Machine,
    pub(super) client: Client,
}

/// One set-up being followed.
struct Following<'a, P> {
    job: Job<'a, P>,
    reached: Reached,
    /// The last report heard.
    after: u64,
    /// When each service was started first, for how long its step took, and its port.
    services: HashMap<ServiceName, (u64, Option<u16>)>,
    /// Services whose step has ended.
    ended: Vec<ServiceName>,
    /// The last step that failed.
    failure: Option<Failure>,
}

/// Sets the workspace up; returns the outcome of the operation.
pub(super) async fn set_up<P: Provider>(job: Job<'_, P>, reached: Reached) -> Result<Report, Halt> {
    open_ssh(job).await?;
    let plan = setup_plan(job.command, job.definition, &reached.image);
    let status = reached.client.status().await.map_err(init_failed)?;
    let known = reached.client.apply(&plan).await.map_err(init_failed)?;
    // A plan that init knows is one of an earlier delivery: what it reported since then is heard
    // again, and told once.
    let after = if known { 0 } else { status.last_report };
    let mut following = Following {
        job,
        reached,
        after,
        services: HashMap::new(),
        ended: Vec::new(),
        failure: None,
    };
    following.follow().await
}

impl<P: Provider> Following<'_, P> {
    async fn follow(&mut self) -> Result<Report, Halt> {
        let mut lost = 0;
        loop {
            match self.follow_connection().await {
                Ok(outcome) => return outcome,
                Err(error) => {
                    lost += 1;
                    tracing::info!(%error, "the reports of init broke off");
                    self.look_at_machine(lost).await?;
                }
            }
        }
    }

    /// Hears reports until the set-up ends or the connection does.
    async fn follow_connection(&mut self) -> Result<Result<Report, Halt>, ClientError> {
        let mut reports = self.reached.client.reports(self.after).await?;
        while let Some(report) = reports.next().await? {
            self.after = report.number;
            if let Some(outcome) = self.take(report).await {
                return Ok(outcome);
            }
        }
        Err(ClientError::Ended {
            attempted: "following the set-up",
        })
    }

    async fn look_at_machine(&mut self, lost: u32) -> Result<(), Halt> {
        let observed = self
            .job
            .shared
            .provider
            .observe(self.job.command.workspace)
            .await;
        match observed {
            Ok(observed) if observed.state == MachineState::Running && lost <= RECONNECTS => {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                Ok(())
            }
            Ok(observed) => {
                let mut failure = ended_failure(&observed.state);
                failure.hint = failure
                    .hint
                    .replace("NAME", self.job.definition.name.as_str());
                Err(failure.into())
            }
            Err(error) => Err(error.to_failure().into()),
        }
    }

    async fn take(&mut self, report: report::Report) -> Option<Result<Report, Halt>> {
        let command = self.job.command;
        if report.operation != command.operation.to_string() || report.epoch != command.epoch {
            return None;
        }
        let (number, at_ms) = (report.number, report.at_ms);
        let heard = hear(report.event, &self.job.definition.name);
        let is_output = matches!(heard, Heard::Output { .. });
        let outcome = self.tell(number, at_ms, heard).await;
        let handle = &self.reached.machine.handle;
        self.job
            .shared
            .positions
            .note(command.workspace, handle, number, is_output);
        outcome
    }

    async fn tell(
        &mut self,
        number: u64,
        at_ms: u64,
        heard: Heard,
    ) -> Option<Result<Report, Halt>> {
        match heard {
            Heard::Step(report) => self.tell_step(number, report).await,
            Heard::HostKey { key, step } => {
                self.tell_step(number, step).await;
                let machine = self.machine(key);
                self.report(number, "machine", Report::MachineReady { machine })
                    .await;
            }
            Heard::Cloned {
                commit,
                branch,
                step,
            } => {
                self.tell_step(number, step).await;
                self.report(
                    number,
                    "commit",
                    Report::RepositoryCloned { commit, branch },
                )
                .await;
            }
            Heard::Service(service) => self.tell_service(number, at_ms, service).await,
            Heard::Output { step, stream, text } => {
                let (workspace, operation) =
                    (self.job.command.workspace, self.job.command.operation);
                let at = timestamp(at_ms);
                let chunk = OutputChunk {
                    at,
                    workspace,
                    operation,
                    step,
                    stream,
                    text,
                };
                self.job.shared.output.write(chunk).await;
            }
            Heard::Finished(readiness) => return Some(self.finished(&readiness)),
            Heard::Activity { .. } | Heard::Nothing => {}
        }
        None
    }

    async fn tell_step(&mut self, number: u64, report: Report) {
        if let Report::StepFailed { failure, .. } = &report {
            self.failure = Some(failure.clone());
        }
        self.report(number, "step", report).await;
    }

    async fn tell_service(&mut self, number: u64, at_ms: u64, mut heard: ServiceHeard) {
        let first = || (at_ms, heard.port);
        let (began, port) = *self
            .services
            .entry(heard.name.clone())
            .or_insert_with(first);
        heard.port = heard.port.or(port);
        if let Some(step) = self.step_of_service(&heard, at_ms.saturating_sub(began)) {
            self.report(number, "step", step).await;
        }
        let (workspace, epoch) = (self.job.command.workspace, self.job.command.epoch);
        let known = self.job.command.workspace_state.services.get(&heard.name);
        let command = self
            .job
            .shared
            .service_command(workspace, epoch, heard, known)
            .await;
        self.job
            .reporter
            .tell(&self.label(number, "service"), command)
            .await;
    }

    /// A service's step ends once, with its first good or bad end; what comes later is its state.
    fn step_of_service(&mut self, heard: &ServiceHeard, duration_ms: u64) -> Option<Report> {
        let bad = matches!(
            heard.status,
            ServiceStatus::Unhealthy | ServiceStatus::Failed
        );
        let good = heard.status == ServiceStatus::Running;
        if self.ended.contains(&heard.name) {
            return None;
        }
        if bad || good {
            self.ended.push(heard.name.clone());
        }
        if !bad {
            return heard.step.clone();
        }
        let step = Step::Service(heard.name.clone());
        let name = &self.job.definition.name;
        let failure = Failure::new(
            FailureCode::ProcessError,
            heard
                .cause
                .clone()
                .unwrap_or_else(|| "it is not healthy".into()),
            format!("read what it printed: nexus workspace logs {name} --step {step}"),
        );
        Some(Report::StepFailed {
            duration_ms,
            failure: failure.in_step(step),
        })
    }

    fn finished(&mut self, readiness: &Readiness) -> Result<Report, Halt> {
        let at = clock::now();
        match readiness {
            Readiness::Ready => Ok(Report::Ready { at, partial: false }),
            Readiness::Partial { .. } => Ok(Report::Ready { at, partial: true }),
            Readiness::Superseded => Err(Halt::Superseded),
            Readiness::Failed { step } => Err(self.failure.take().map_or_else(
                || {
                    let name = &self.job.definition.name;
                    let hint = format!("read what it printed: nexus workspace logs {name}");
                    let cause = format!("step {step} failed");
                    Failure::new(FailureCode::ProcessError, cause, hint).into()
                },
                Halt::Failed,
            )),
        }
    }

    fn machine(&self, host_key: Option<String>) -> workspace::Machine {
        let Reached { image, machine, .. } = &self.reached;
        workspace::Machine {
            handle: machine.handle.clone(),
            image: image.name.clone(),
            host_key,
            user: image.user.clone(),
            home: image.home.clone(),
            directory: workspace_directory(image),
        }
    }

    async fn report(&self, number: u64, word: &str, report: Report) {
        self.job
            .reporter
            .report(&self.label(number, word), report)
            .await;
    }

    /// Reports of init are numbered per machine, so this names one of them for good.
    fn label(&self, number: u64, word: &str) -> String {
        format!("{}:{number}:{word}", self.reached.machine.handle)
    }
}

impl<P: Provider> super::Shared<P> {
    /// What a service that changed means for the log; its port is opened on the way. `known` is
    /// what the log had of it, for the port it was reached at before.
    pub(super) async fn service_command(
        &self,
        workspace: WorkspaceId,
        epoch: u64,
        heard: ServiceHeard,
        known: Option<&workspace::ServiceState>,
    ) -> Command {
        let inside = heard.port.or_else(|| known.and_then(|known| known.port));
        let mapped_port = match inside {
            Some(inside) => self.open_service(workspace, inside, known).await,
            None => None,
        };
        Command::ReportService {
            epoch,
            service: heard.name,
            status: heard.status,
            port: inside,
            mapped_port,
            cause: heard.cause,
        }
    }

    pub(super) async fn open_service(
        &self,
        workspace: WorkspaceId,
        inside: u16,
        known: Option<&workspace::ServiceState>,
    ) -> Option<u16> {
        if let Some(open) = self.ports.port_of(workspace, Target::Port(inside)) {
            return Some(open);
        }
        let wanted = known.and_then(|known| known.mapped_port);
        match self
            .ports
            .open_service(workspace, self.door(workspace), inside, wanted)
            .await
        {
            Ok(port) => Some(port),
            Err(error) => {
                tracing::warn!(%error, %workspace, inside, "the service gets no port of this node");
                None
            }
        }
    }
}

fn init_failed(error: ClientError) -> Halt {
    let mut cause = error.to_string();
    if let Some(failure) = error.failure() {
        cause = format!("{cause}: {failure}");
        if failure.code == nexus_init_protocol::FailureCode::Stale {
            return Halt::Superseded;
        }
    }
    let hint = "see whether worker and nexus-init are of one version: nexus doctor";
    Failure::new(FailureCode::InternalError, cause, hint).into()
}
