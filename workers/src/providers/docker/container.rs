//! The container of a workspace: looked up, made, looked up again.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig, Mount,
    MountType, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use tokio::time::Instant;

use super::error::{engine_error, is_absent, is_taken};
use super::{DockerProvider, make_folder, source, volume};
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, ProviderError, Result, SOURCE_DIRECTORY, machine_name,
};

/// Whose it is.
pub(super) const WORKSPACE: &str = "nexus.workspace";
/// The operation that made it.
pub(super) const OPERATION: &str = "nexus.operation";
/// The epoch of that operation.
pub(super) const EPOCH: &str = "nexus.epoch";
/// The Nexus it belongs to.
pub(super) const INSTANCE: &str = "nexus.instance";
/// Who works in it, and where: what its image said when it was made.
const USER: &str = "nexus.user";
const HOME: &str = "nexus.home";

/// How long a container may take from its name being taken to being there.
const BEING_MADE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// Where init and its socket are inside.
const INIT: &str = "/.nexus/init";
const RUN: &str = "/run/nexus";
const STATE: &str = "/var/lib/nexus";

/// What is left of root's rights: files of others, other users, low ports, `sudo`, `chroot`. Not
/// among them: raw packets, devices, mounts, the clock, modules, other processes' memory.
const CAPABILITIES: [&str; 10] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) fn labels(spec: &MachineSpec, instance: &str) -> HashMap<String, String> {
    let label = |key: &str, value: String| (key.to_owned(), value);
    HashMap::from([
        label(WORKSPACE, spec.workspace.to_string()),
        label(OPERATION, spec.operation.to_string()),
        label(EPOCH, spec.epoch.to_string()),
        label(INSTANCE, instance.to_owned()),
    ])
}

pub(super) async fn ensure(
    provider: &DockerProvider,
    spec: &MachineSpec,
    image: &Image,
) -> Result<Machine> {
    let docker = provider.engine().await?;
    if let Some(found) = find(docker, spec, &provider.options.instance).await? {
        return Ok(found.machine);
    }
    make_folder(&provider.socket_folder(spec.workspace))?;
    let source = source::copy(provider, spec).await?;
    let home = volume::ensure(docker, spec, &provider.options.instance).await?;
    let name = machine_name(spec.workspace);
    let cores = provider.engine.cores().await?;
    let body = body(provider, spec, image, &home, source, cores);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    match docker.create_container(Some(options), body).await {
        Ok(made) => Ok(Machine {
            handle: made.id,
            reused: false,
        }),
        Err(error) if is_taken(&error) => found_soon(docker, spec, provider).await,
        Err(error) => Err(engine_error(format!("making container {name}"), error)),
    }
}

/// The container somebody else (or an earlier call that was cut off) is making right now: its name
/// is taken before it can be looked up.
async fn found_soon(
    docker: &Docker,
    spec: &MachineSpec,
    provider: &DockerProvider,
) -> Result<Machine> {
    let deadline = Instant::now() + BEING_MADE;
    loop {
        if let Some(found) = find(docker, spec, &provider.options.instance).await? {
            return Ok(found.machine);
        }
        if Instant::now() > deadline {
            let attempted = format!("making container {}", machine_name(spec.workspace));
            let cause = "its name is taken by a container that cannot be seen";
            return Err(ProviderError::new(ErrorClass::Busy, attempted, cause));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A container that was there already, and what it was made from.
pub(super) struct Found {
    pub(super) machine: Machine,
    pub(super) image: Image,
}

/// The container of that name, if it is this workspace's.
pub(super) async fn find(
    docker: &Docker,
    spec: &MachineSpec,
    instance: &str,
) -> Result<Option<Found>> {
    let name = machine_name(spec.workspace);
    let found = match docker.inspect_container(&name, None).await {
        Ok(found) => found,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(engine_error(format!("looking for container {name}"), error)),
    };
    check_owner(&found, spec, instance)?;
    let config = found.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    let image = Image {
        name: config.image.unwrap_or_default(),
        reused: true,
        user: label(USER),
        home: label(HOME),
    };
    let machine = Machine {
        handle: found.id.unwrap_or(name),
        reused: true,
    };
    Ok(Some(Found { machine, image }))
}

fn check_owner(found: &ContainerInspectResponse, spec: &MachineSpec, instance: &str) -> Result<()> {
    let labels = found
        .config
        .as_ref()
        .and_then(|config| config.labels.as_ref());
    let label = |key: &str| {
        labels
            .and_then(|labels| labels.get(key))
            .map(String::as_str)
    };
    let name = machine_name(spec.workspace);
    let refuse = |cause: String| {
        Err(ProviderError::new(
            ErrorClass::Exists,
            format!("looking for container {name}"),
            cause,
        )
        .with_hint(format!("see what it is: docker inspect {name}")))
    };
    if label(WORKSPACE) != Some(name.as_str()) || label(INSTANCE) != Some(instance) {
        return refuse("a container of that name belongs to something else".into());
    }
    match label(EPOCH).and_then(|epoch| epoch.parse::<u64>().ok()) {
        Some(epoch) if epoch > spec.epoch => {
            refuse(format!("it was made by a later operation (epoch {epoch})"))
        }
        _ => Ok(()),
    }
}

fn body(
    provider: &DockerProvider,
    spec: &MachineSpec,
    image: &Image,
    home: &str,
    source: Option<std::path::PathBuf>,
    cores: u32,
) -> ContainerCreateBody {
    let bind = |from: &std::path::Path, to: &str, read_only| Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_string_lossy().into_owned()),
        target: Some(to.to_owned()),
        read_only: Some(read_only),
        ..Default::default()
    };
    let mut mounts = vec![
        bind(&provider.init, INIT, true),
        bind(&provider.socket_folder(spec.workspace), RUN, false),
        Mount {
            typ: Some(MountType::VOLUME),
            source: Some(home.to_owned()),
            target: Some(image.home.clone()),
            ..Default::default()
        },
    ];
    mounts.extend(source.map(|folder| bind(&folder, SOURCE_DIRECTORY, true)));
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let mut own_labels = labels(spec, &provider.options.instance);
    own_labels.insert(USER.to_owned(), image.user.clone());
    own_labels.insert(HOME.to_owned(), image.home.clone());
    let environment = spec
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    ContainerCreateBody {
        hostname: Some(spec.name.to_string()),
        image: Some(image.name.clone()),
        user: Some("0:0".into()),
        working_dir: Some("/".into()),
        entrypoint: words(&[INIT]),
        cmd: words(&[
            "serve",
            "--state",
            STATE,
            "--socket",
            &format!("{RUN}/init.sock"),
        ]),
        env: Some(environment.collect()),
        labels: Some(own_labels),
        stop_signal: Some("SIGTERM".into()),
        host_config: Some(limits(spec, cores, mounts)),
        ..Default::default()
    }
}

fn limits(spec: &MachineSpec, cores: u32, mounts: Vec<Mount>) -> HostConfig {
    let resources = &spec.resources;
    let memory = i64::from(resources.memory_mib) << 20;
    // The engine refuses more cores than there are; a limit above that limits nothing.
    let cpu_milli = resources.cpu_milli.min(cores.saturating_mul(1000));
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(cpu_milli) * 1_000_000),
        pids_limit: Some(i64::from(resources.processes)),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        // A tmpfs, so that secrets of the plan touch no disk.
        tmpfs: Some(HashMap::from([("/run".into(), "mode=755,size=64m".into())])),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            ..Default::default()
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some(HashMap::from([
                ("max-size".into(), "1m".into()),
                ("max-file".into(), "1".into()),
            ])),
        }),
        mounts: Some(mounts),
        ..Default::default()
    }
}
