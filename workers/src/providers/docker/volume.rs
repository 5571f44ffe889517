//! The home volume: made once, kept until the workspace is deleted.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};
use nexus_events::id::WorkspaceId;

use super::container::{self, WORKSPACE};
use super::error::{engine_error, is_absent};
use crate::provider::{ErrorClass, MachineSpec, ProviderError, Result};

/// The name of the workspace's home volume, which exists afterwards. Creating is idempotent in the
/// engine: it answers with the volume that is there, and its label says whose that is.
pub(super) async fn ensure(docker: &Docker, spec: &MachineSpec, instance: &str) -> Result<String> {
    for name in [spec.home_volume(), spec.home_volume_apart()] {
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(container::labels(spec, instance)),
            ..Default::default()
        };
        let volume = docker.create_volume(request).await;
        let volume =
            volume.map_err(|error| engine_error(format!("making volume {name}"), error))?;
        if volume.labels.get(WORKSPACE) == Some(&spec.workspace.to_string()) {
            return Ok(name);
        }
    }
    let cause = format!("volume {} is not ours", spec.home_volume_apart());
    Err(ProviderError::new(
        ErrorClass::Exists,
        "making the home volume",
        cause,
    ))
}

/// Removes every volume of the workspace.
pub(super) async fn remove_all(docker: &Docker, workspace: WorkspaceId) -> Result<()> {
    for (name, _) in labelled(docker, &format!("{WORKSPACE}={workspace}")).await? {
        match docker
            .remove_volume(&name, None::<RemoveVolumeOptions>)
            .await
        {
            Err(error) if is_absent(&error) => {}
            answer => {
                answer.map_err(|error| engine_error(format!("removing volume {name}"), error))?;
            }
        }
    }
    Ok(())
}

/// Volumes with this label, with all their labels.
pub(super) async fn labelled(
    docker: &Docker,
    label: &str,
) -> Result<Vec<(String, HashMap<String, String>)>> {
    let filters = HashMap::from([("label", vec![label.to_owned()])]);
    let options = ListVolumesOptionsBuilder::default()
        .filters(&filters)
        .build();
    let listed = docker.list_volumes(Some(options)).await;
    let listed = listed.map_err(|error| engine_error("listing volumes", error))?;
    let volumes = listed.volumes.unwrap_or_default();
    Ok(volumes
        .into_iter()
        .map(|volume| (volume.name, volume.labels))
        .collect())
}
