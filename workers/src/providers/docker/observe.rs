//! What there is: one container, or all of ours.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{
    ContainerState, ContainerStateStatusEnum as Status, ContainerSummaryStateEnum,
};
use bollard::query_parameters::ListContainersOptionsBuilder;
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::MachineExit;

use super::container::{EPOCH, INSTANCE, OPERATION, WORKSPACE};
use super::error::{engine_error, is_absent};
use super::volume;
use crate::provider::{MachineState, Observation, OwnedMachine, Result, machine_name};

pub(super) async fn one(docker: &Docker, workspace: WorkspaceId) -> Result<Observation> {
    let name = machine_name(workspace);
    match docker.inspect_container(&name, None).await {
        Ok(found) => Ok(Observation {
            handle: found.id,
            state: found.state.map_or(MachineState::Created, state_of),
        }),
        Err(error) if is_absent(&error) => Ok(Observation {
            handle: None,
            state: MachineState::Absent,
        }),
        Err(error) => Err(engine_error(format!("inspecting container {name}"), error)),
    }
}

fn state_of(state: ContainerState) -> MachineState {
    let said = state.error.filter(|text| !text.is_empty());
    match state.status.unwrap_or(Status::EMPTY) {
        Status::RUNNING | Status::RESTARTING => MachineState::Running,
        // A start the engine refused leaves its reason behind; the next start may succeed.
        Status::CREATED | Status::EMPTY => MachineState::Created,
        Status::EXITED | Status::PAUSED | Status::STOPPING => {
            let out_of_memory = state.oom_killed.unwrap_or(false);
            let code = state.exit_code;
            let cause = said.unwrap_or_else(|| exit_text(code, out_of_memory));
            MachineState::Stopped(MachineExit {
                code,
                out_of_memory,
                cause,
            })
        }
        Status::DEAD => MachineState::Broken {
            cause: said.unwrap_or_else(|| "the engine calls the container dead".into()),
        },
        Status::REMOVING => MachineState::Broken {
            cause: "the container is being removed".into(),
        },
    }
}

fn exit_text(code: Option<i64>, out_of_memory: bool) -> String {
    match (out_of_memory, code) {
        (true, _) => "the kernel ended it for want of memory".into(),
        (false, Some(137)) => "the container was killed (exit code 137)".into(),
        (false, Some(code)) => format!("the container ended with exit code {code}"),
        (false, None) => "the container ended".into(),
    }
}

/// Containers of this instance, and volumes whose container is gone or was never made.
pub(super) async fn all(docker: &Docker, instance: &str) -> Result<Vec<OwnedMachine>> {
    let label = format!("{INSTANCE}={instance}");
    let filters = HashMap::from([("label", vec![label.clone()])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let listed = docker.list_containers(Some(options)).await;
    let listed = listed.map_err(|error| engine_error("listing containers", error))?;
    let mut owned = BTreeMap::new();
    for (name, labels) in volume::labelled(docker, &label).await? {
        owned.extend(owned_by(&labels, name, false));
    }
    for container in listed {
        let running = container.state == Some(ContainerSummaryStateEnum::RUNNING);
        let labels = container.labels.unwrap_or_default();
        owned.extend(owned_by(&labels, container.id.unwrap_or_default(), running));
    }
    Ok(owned.into_values().collect())
}

fn owned_by(
    labels: &HashMap<String, String>,
    handle: String,
    running: bool,
) -> Option<(WorkspaceId, OwnedMachine)> {
    let workspace = labels.get(WORKSPACE)?.parse().ok()?;
    let machine = OwnedMachine {
        workspace,
        operation: labels.get(OPERATION)?.parse().ok()?,
        epoch: labels.get(EPOCH)?.parse().ok()?,
        handle,
        running,
    };
    Some((workspace, machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: Status, code: i64, oom: bool) -> MachineState {
        state_of(ContainerState {
            status: Some(status),
            exit_code: Some(code),
            oom_killed: Some(oom),
            ..Default::default()
        })
    }

    #[test]
    fn an_end_for_want_of_memory_is_told_apart() {
        let MachineState::Stopped(exit) = state(Status::EXITED, 137, true) else {
            panic!("an exited container is stopped");
        };
        assert!(exit.out_of_memory && exit.cause.contains("memory"));
        let MachineState::Stopped(exit) = state(Status::EXITED, 137, false) else {
            panic!("an exited container is stopped");
        };
        assert!(!exit.out_of_memory && exit.cause.contains("137"));
    }

    #[test]
    fn a_container_being_removed_is_of_no_use() {
        assert!(matches!(
            state(Status::REMOVING, 0, false),
            MachineState::Broken { .. }
        ));
        assert_eq!(state(Status::CREATED, 0, false), MachineState::Created);
    }
}
