//! Set-up: from a bare machine to a workspace, one step after the other.
//!
//! ```text
//! ssh ─▶ clone ─▶ (read .nexus/config.yaml) ─▶ install ─▶ hooks ─▶ services
//!  └───────┴── failing here ends the set-up     └──────────┴───────┴── failing here makes it partial
//! ```
//!
//! A plan is taken once per operation and epoch. Every step finds what an earlier run of it made, so
//! the same plan under a new operation (a start after a stop) redoes only what is missing.

mod clone;
mod command;
pub(crate) mod config;
mod detect;
mod hooks;
mod install;
mod plan;
pub(crate) mod secrets;
pub(crate) mod ssh_keys;
mod state;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nexus_init_protocol::report::{StepDetail, StepFailure};
use nexus_init_protocol::status::SetupState;
use nexus_init_protocol::{
    Answer, Failure, FailureCode, Readiness, ReportEvent, ServiceSpec, SetupPlan, StepName,
};

use self::config::RepositoryConfig;
use self::state::Active;
use crate::clock::elapsed_ms;
use crate::service::order::in_order;
use crate::sync::Lock;
use crate::workspace::Workspace;

#[cfg(feature = "testing")]
pub(crate) use self::config::read_config;
pub(crate) use self::state::SetupControl;

/// How a step ends.
type StepResult = Result<StepDetail, StepError>;

/// Why a step failed, as it will be reported; boxed, since it holds a lot and is rare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepError(Box<StepFailure>);

impl StepError {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

/// A failure with its code and sentence; the rest is added where it is known.
fn failure(code: &str, cause: impl Into<String>) -> StepError {
    StepError(Box::new(StepFailure {
        code: code.to_owned(),
        cause: cause.into(),
        outcome: None,
        last_lines: Vec::new(),
        hint: None,
        retryable: false,
    }))
}

/// Takes a plan, or tells that it is known or too old.
pub(crate) fn apply(workspace: &Arc<Workspace>, plan: SetupPlan) -> Result<Answer, Failure> {
    plan::check(&plan)?;
    let mut active = workspace.setup.active.hold();
    if let Some(current) = active.as_ref() {
        let state = &current.state;
        if state.operation == plan.operation && state.epoch == plan.epoch {
            return Ok(Answer::Applied { known: true });
        }
        if plan.epoch < state.epoch {
            let message = format!(
                "epoch {} is older than {} of operation {}, which is in force",
                plan.epoch, state.epoch, state.operation
            );
            return Err(Failure::new(FailureCode::Stale, message));
        }
        current.supersede(workspace);
    }
    workspace
        .journal
        .begin_operation(&plan.operation, plan.epoch);
    workspace.activity.set_interval(plan.activity_interval_ms);
    *active = Some(Active::new(&plan));
    let task = tokio::spawn(run(workspace.clone(), plan));
    if let Some(current) = active.as_mut() {
        current.task = Some(task.abort_handle());
    }
    Ok(Answer::Applied { known: false })
}

async fn run(workspace: Arc<Workspace>, plan: SetupPlan) {
    let started = Instant::now();
    let readiness = run_steps(&workspace, &plan).await;
    workspace.setup.finish(&plan, &readiness);
    workspace.journal.append(ReportEvent::SetupFinished {
        readiness,
        duration_ms: elapsed_ms(started),
    });
}

async fn run_steps(workspace: &Arc<Workspace>, plan: &SetupPlan) -> Readiness {
    let mut failed_steps = Vec::new();
    let ssh = ssh_keys::prepare(workspace, plan);
    if step(workspace, StepName::Ssh, ssh).await.is_err() {
        return Readiness::Failed {
            step: StepName::Ssh,
        };
    }
    if let Some(repository) = &plan.repository {
        let clone = clone::clone(workspace, plan, repository);
        if step(workspace, StepName::Clone, clone).await.is_err() {
            return Readiness::Failed {
                step: StepName::Clone,
            };
        }
    }
    let directory = Path::new(&plan.workspace_directory);
    let config = config::read(directory);
    if plan.install && plan.repository.is_some() {
        let install = install::install(workspace, plan);
        if step(workspace, StepName::Install, install).await.is_err() {
            failed_steps.push(StepName::Install);
        }
    }
    let hooks = hooks::all(plan, config.as_ref().ok());
    if !hooks.post_create.is_empty() || !hooks.post_start.is_empty() {
        let run_hooks = hooks::run(workspace, plan, hooks);
        if step(workspace, StepName::Hooks, run_hooks).await.is_err() {
            failed_steps.push(StepName::Hooks);
        }
    }
    let failed_services = services(workspace, plan, config, &mut failed_steps).await;
    match failed_services.is_empty() && failed_steps.is_empty() {
        true => Readiness::Ready,
        false => Readiness::Partial {
            failed_services,
            failed_steps,
        },
    }
}

/// Does one step and tells about it.
async fn step(
    workspace: &Workspace,
    name: StepName,
    work: impl Future<Output = StepResult>,
) -> Result<StepDetail, ()> {
    let started = Instant::now();
    workspace.setup.begin_step(&name);
    workspace
        .journal
        .append(ReportEvent::StepStarted { step: name.clone() });
    let result = work.await;
    let duration_ms = elapsed_ms(started);
    workspace.setup.end_step(&name, duration_ms, &result);
    match result {
        Ok(detail) => {
            workspace.journal.append(ReportEvent::StepSucceeded {
                step: name,
                duration_ms,
                detail: detail.clone(),
            });
            Ok(detail)
        }
        Err(error) => {
            workspace.journal.append(ReportEvent::StepFailed {
                step: name,
                duration_ms,
                failure: *error.0,
            });
            Err(())
        }
    }
}

/// Starts the services and waits until each is well or is not going to be; the names of the latter.
async fn services(
    workspace: &Arc<Workspace>,
    plan: &SetupPlan,
    config: Result<RepositoryConfig, StepError>,
    failed_steps: &mut Vec<StepName>,
) -> Vec<String> {
    let chosen = choose_services(plan, config);
    if matches!(&chosen, Ok(services) if services.is_empty()) {
        workspace.services.start(workspace, Vec::new()).await;
        return Vec::new();
    }
    let mut failed = Vec::new();
    let work = async {
        let services = in_order(chosen?).map_err(|error| {
            failure(error.code(), error.to_string())
                .hint("change `services` in .nexus/config.yaml and start again")
        })?;
        let count = services.len();
        workspace.services.start(workspace, services).await;
        failed = workspace.services.settled().await;
        match failed.is_empty() {
            true => Ok(StepDetail {
                note: Some(format!("{count} healthy")),
                ..StepDetail::default()
            }),
            false => Err(failure(
                "services_unhealthy",
                format!("not healthy: {}", failed.join(", ")),
            )
            .hint("read the logs of these services")),
        }
    };
    let is_failed = step(workspace, StepName::Services, work).await.is_err();
    // Unhealthy services are told by their names; the step is named when it failed before them.
    if is_failed && failed.is_empty() {
        failed_steps.push(StepName::Services);
    }
    failed
}

/// The repository's own services, else the plan's, else what the project looks like.
fn choose_services(
    plan: &SetupPlan,
    config: Result<RepositoryConfig, StepError>,
) -> Result<Vec<ServiceSpec>, StepError> {
    let config = config?;
    if !config.services.is_empty() {
        return Ok(config.services);
    }
    if !plan.services.is_empty() || plan.repository.is_none() {
        return Ok(plan.services.clone());
    }
    let directory = Path::new(&plan.workspace_directory);
    Ok(detect::default_service(directory).into_iter().collect())
}

impl SetupControl {
    /// The plan in force and how far it came.
    pub(crate) fn state(&self) -> Option<SetupState> {
        self.active.hold().as_ref().map(Active::current_state)
    }

    /// Ends a set-up that is under way; nothing is told about it.
    pub(crate) fn abort(&self) {
        if let Some(task) = self
            .active
            .hold()
            .as_ref()
            .and_then(|active| active.task.as_ref())
        {
            task.abort();
        }
    }
}
