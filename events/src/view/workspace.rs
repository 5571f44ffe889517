//! A workspace as the API answers it, from its folded state: live and as of any event of the past.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{OperationSummary, RepositoryView, ServiceView, SshView, WorkspaceView};
use crate::id::WorkspaceId;
use crate::name::ServiceName;
use crate::status::WorkspaceStatus;
use crate::workspace::{Definition, Phase, ServiceState, ServiceStatus, Workspace};

/// The user inside, until a machine says otherwise.
const USER: &str = "dev";

/// What a view says besides the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings<'a> {
    /// The host people reach workspaces under.
    pub host: &'a str,
    /// The owner's GitHub login, unless erased.
    pub owner_login: Option<String>,
    /// Whether its node is lost.
    pub unknown: bool,
    /// When its last event was.
    pub updated_at: Timestamp,
    /// The sequence of its last event.
    pub version: u64,
    /// The newest event of the log the answer reflects.
    pub sequence: u64,
}

impl WorkspaceView {
    /// `None` for a workspace nobody asked for, which the log does not have.
    pub fn of(id: WorkspaceId, state: &Workspace, around: Surroundings<'_>) -> Option<Self> {
        let definition = state.definition.as_ref()?;
        Some(Self {
            id,
            name: definition.name.clone(),
            owner: definition.owner,
            owner_login: around.owner_login,
            phase: state.phase,
            // Nothing in the vocabulary says gone; whoever asks for deleted ones sees the phase.
            status: WorkspaceStatus::of(state.phase).unwrap_or(WorkspaceStatus::Stopped),
            unknown: around.unknown,
            partial: state.partial,
            provider: definition.spec.provider,
            node: state.node,
            image: state.machine.as_ref().map(|machine| machine.image.clone()),
            repository: repository(definition, state),
            services: services(definition, state, around.host),
            ssh: ssh(definition, state, around.host),
            operation: state.operation.as_ref().map(|operation| OperationSummary {
                id: operation.id,
                kind: operation.kind,
                step: operation.step.clone(),
                requested_at: operation.requested_at,
                deadline: operation.deadline,
            }),
            failure: state.failure.clone(),
            activity: state.activity.sources.clone(),
            holds: state.holds.clone(),
            idle_stop_at: state.idle_stop_at(),
            created_at: definition.requested_at,
            updated_at: whole_microseconds(around.updated_at),
            version: around.version,
            sequence: around.sequence,
        })
    }
}

impl Workspace {
    /// When it will be stopped if nothing uses it: while it runs undisturbed.
    pub fn idle_stop_at(&self) -> Option<Timestamp> {
        if self.phase != Phase::Running || self.operation.is_some() {
            return None;
        }
        self.idle_at()
    }
}

/// As precise as a read model keeps it, so that the past reads as it was answered.
fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// What runs, and what is configured and does not run yet.
fn services(
    definition: &Definition,
    state: &Workspace,
    host: &str,
) -> BTreeMap<ServiceName, ServiceView> {
    let configured = definition.spec.services.iter().map(|(name, service)| {
        let view = ServiceView {
            status: ServiceStatus::Pending,
            port: service.port,
            mapped_port: None,
            url: None,
            cause: None,
        };
        (name.clone(), view)
    });
    let known = state
        .services
        .iter()
        .map(|(name, state)| (name.clone(), service(state, host)));
    configured.chain(known).collect()
}

fn service(state: &ServiceState, host: &str) -> ServiceView {
    ServiceView {
        status: state.status,
        port: state.port,
        mapped_port: state.mapped_port,
        url: state
            .mapped_port
            .map(|port| format!("http://{host}:{port}")),
        cause: state.cause.clone(),
    }
}

fn ssh(definition: &Definition, state: &Workspace, host: &str) -> Option<SshView> {
    let machine = state.machine.as_ref();
    Some(SshView {
        host: host.to_owned(),
        port: definition.ssh_port?,
        user: machine.map_or_else(|| USER.to_owned(), |machine| machine.user.clone()),
        host_key: machine.and_then(|machine| machine.host_key.clone()),
    })
}

fn repository(definition: &Definition, state: &Workspace) -> Option<RepositoryView> {
    let repository = definition.spec.repository.as_ref()?;
    Some(RepositoryView {
        owner: repository.owner.to_string(),
        name: repository.name.to_string(),
        url: repository.url.to_string(),
        branch: repository.branch.clone(),
        commit: state.commit.clone(),
    })
}
