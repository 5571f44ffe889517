//! What a command means for the provider (the machine) and for init (the set-up).

use std::path::PathBuf;

use nexus_events::spec::{HealthCheck, HealthProbe, RestartPolicy, ServiceSpec, WorkspaceSpec};
use nexus_events::work::WorkCommand;
use nexus_events::workspace::Definition;
use nexus_init_protocol::{self as init, CommandLine, SetupPlan, WorkUser};

use crate::provider::{Image, MachineSpec, SOURCE_DIRECTORY, WORK_USER_ID};

/// Between two restarts of a service at first.
const RESTART_PAUSE_MS: u64 = 500;
/// Where activity is reported although the workspace never stops by itself.
const ACTIVITY_SECONDS: u32 = 120;

/// The machine a command asks for.
pub(super) fn machine_spec(command: &WorkCommand, definition: &Definition) -> MachineSpec {
    let spec = &definition.spec;
    MachineSpec {
        workspace: command.workspace,
        name: definition.name.clone(),
        operation: command.operation,
        epoch: command.epoch,
        image: spec.image.clone(),
        resources: spec.resources,
        environment: spec.environment.clone(),
        source: local_source(spec),
    }
}

/// A repository of this host. One that is not there is left to the clone to complain about.
fn local_source(spec: &WorkspaceSpec) -> Option<PathBuf> {
    let path = PathBuf::from(spec.repository.as_ref()?.url.local_path()?);
    path.is_dir().then_some(path)
}

/// Where the repository goes: the same place in every workspace, inside the home volume.
pub(super) fn workspace_directory(image: &Image) -> String {
    format!("{}/workspace", image.home.trim_end_matches('/'))
}

/// The set-up a command asks for.
pub(super) fn setup_plan(
    command: &WorkCommand,
    definition: &Definition,
    image: &Image,
) -> SetupPlan {
    let spec = &definition.spec;
    let mut plan = SetupPlan::new(command.operation.to_string(), command.epoch);
    plan.user = WorkUser {
        name: image.user.clone(),
        uid: WORK_USER_ID,
        home: image.home.clone(),
    };
    plan.authorized_keys = command.authorized_keys.clone();
    plan.workspace_directory = workspace_directory(image);
    plan.repository = spec.repository.as_ref().map(|repository| init::Repository {
        url: match local_source(spec) {
            Some(_) => format!("file://{SOURCE_DIRECTORY}"),
            None => repository.url.to_string(),
        },
        branch: repository.branch.as_ref().map(ToString::to_string),
        depth: None,
        credential: None,
    });
    plan.env = spec.environment.clone();
    let named = spec.services.iter();
    plan.services = named
        .map(|(name, service)| service_plan(name.as_str(), service))
        .collect();
    let window = spec
        .idle
        .after_seconds
        .map_or(ACTIVITY_SECONDS, |seconds| (seconds / 5).max(5));
    plan.activity_interval_ms = u64::from(window) * 1000;
    plan
}

fn service_plan(name: &str, service: &ServiceSpec) -> init::ServiceSpec {
    init::ServiceSpec {
        name: name.to_owned(),
        command: CommandLine::Shell(service.command.clone()),
        port: service.port,
        depends_on: service.depends_on.iter().map(ToString::to_string).collect(),
        health_check: service.health_check.as_ref().map(health_check),
        env: Default::default(),
        directory: None,
        restart: match service.restart {
            RestartPolicy::Never => init::RestartPolicy::Never,
            RestartPolicy::OnFailure { max_restarts } => init::RestartPolicy::OnFailure {
                max_restarts,
                backoff_ms: RESTART_PAUSE_MS,
            },
        },
        stop_grace_ms: 10_000,
    }
}

fn health_check(check: &HealthCheck) -> init::HealthCheck {
    let probe = match &check.probe {
        HealthProbe::Http { path } => init::HealthProbe::Http {
            port: None,
            path: path.clone(),
        },
        HealthProbe::Tcp {} => init::HealthProbe::Tcp { port: None },
        HealthProbe::Exec { command } => init::HealthProbe::Exec {
            command: CommandLine::Shell(command.clone()),
        },
    };
    let mut plan = init::HealthCheck::new(probe);
    plan.start_timeout_ms = u64::from(check.timeout_seconds) * 1000;
    plan
}
