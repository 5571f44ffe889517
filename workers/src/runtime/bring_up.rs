//! Create and start: image, machine, start by the provider, then the set-up by init.

use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::workspace::{Report, Step};
use nexus_init_protocol::Client;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::halt::Halt;
use super::perform::Job;
use super::plan::machine_spec;
use super::set_up::{Reached, set_up};
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, MachineState, Progress, Provider, ProviderError,
};

/// How long init may take to answer in a machine that runs.
const INIT_LIMIT: Duration = Duration::from_secs(60);
/// How often, meanwhile, the provider is asked whether the machine still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Brings the workspace up; returns its outcome.
pub(super) async fn bring_up<P: Provider>(job: Job<'_, P>) -> Result<Report, Halt> {
    let spec = machine_spec(job.command, job.definition);
    let provider = &job.shared.provider;
    let image = prepare_image(job, &spec).await?;
    let reused = |reused: bool| reused.then(|| "reused".to_owned());
    let ensure = || provider.ensure_machine(&spec, &image);
    let machine = job
        .step(Step::Machine, ensure, |machine| reused(machine.reused))
        .await?;
    let started = job.step(
        Step::Start,
        || start(provider, &spec, &image, &machine),
        |_| None,
    );
    let (machine, client) = started.await?;
    set_up(
        job,
        Reached {
            image,
            machine,
            client,
        },
    )
    .await
}

async fn prepare_image<P: Provider>(job: Job<'_, P>, spec: &MachineSpec) -> Result<Image, Halt> {
    let (lines, mut said) = mpsc::channel(64);
    let progress = Progress::to(lines);
    let output = job.shared.output.clone();
    let (workspace, operation) = (job.command.workspace, job.command.operation);
    let saying = tokio::spawn(async move {
        while let Some(line) = said.recv().await {
            output.say(workspace, operation, &Step::Image, &line).await;
        }
    });
    let prepare = || job.shared.provider.prepare_image(spec, &progress);
    let detail = |image: &Image| image.reused.then(|| "reused".to_owned());
    let image = job.step(Step::Image, prepare, detail).await;
    drop(progress);
    // Ends by itself once the last line is written; nothing waits for it.
    drop(saying);
    image
}

/// Starts the machine and waits until init answers. A machine that was removed meanwhile is made
/// once more.
async fn start<P: Provider>(
    provider: &P,
    spec: &MachineSpec,
    image: &Image,
    machine: &Machine,
) -> Result<(Machine, Client), ProviderError> {
    let mut machine = machine.clone();
    if let Err(error) = provider.start(spec).await {
        if error.class != ErrorClass::Absent {
            return Err(error);
        }
        machine = provider.ensure_machine(spec, image).await?;
        provider.start(spec).await?;
    }
    Ok((machine, reach_init(provider, spec).await?))
}

async fn reach_init<P: Provider>(
    provider: &P,
    spec: &MachineSpec,
) -> Result<Client, ProviderError> {
    let socket = provider.init_socket(spec.workspace);
    let deadline = Instant::now() + INIT_LIMIT;
    loop {
        let error = match Client::connect_within(&socket, LOOK).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let attempted = "reaching nexus-init in the machine";
        match provider.observe(spec.workspace).await?.state {
            MachineState::Running if Instant::now() < deadline => {}
            MachineState::Running => {
                let cause = format!("it does not answer: {error}");
                return Err(ProviderError::new(ErrorClass::Invalid, attempted, cause)
                    .with_hint("see what the machine prints: nexus workspace logs NAME"));
            }
            MachineState::Stopped(exit) => {
                let cause = format!("the machine ended: {}", exit.cause);
                return Err(ProviderError::new(ErrorClass::Invalid, attempted, cause)
                    .with_hint("see whether the image can run a static Linux program as root"));
            }
            MachineState::Broken { cause } => {
                return Err(ProviderError::new(ErrorClass::Invalid, attempted, cause));
            }
            MachineState::Absent | MachineState::Created => {
                let cause = "the machine does not run any more";
                return Err(ProviderError::new(ErrorClass::Busy, attempted, cause));
            }
        }
    }
}

/// What a machine that ended during its set-up means.
pub(super) fn ended_failure(state: &MachineState) -> Failure {
    let cause = match state {
        MachineState::Stopped(exit) => exit.cause.clone(),
        MachineState::Broken { cause } => cause.clone(),
        MachineState::Absent => "the machine was removed".into(),
        MachineState::Created | MachineState::Running => "nexus-init went away".into(),
    };
    let hint = match state {
        MachineState::Stopped(exit) if exit.out_of_memory => {
            "give it more memory (resources.memory_mib), or install less at once"
        }
        _ => "start the workspace again: nexus workspace start NAME",
    };
    Failure::new(FailureCode::MachineExited, cause, hint)
}
