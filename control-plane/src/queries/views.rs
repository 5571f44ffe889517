//! From rows to what the API answers.

use nexus_events::id::WorkspaceId;
use nexus_events::node::NodeStatus;
use nexus_events::status::WorkspaceStatus;
use nexus_events::view::{OperationSummary, RepositoryView, ServiceView, SshView, WorkspaceView};
use nexus_events::workspace::{Definition, ServiceState, ServiceStatus, Workspace};
use rusqlite::Connection;

use super::Queries;
use crate::projections::{self, ProjectionError, Record};

/// The user inside, until a machine says otherwise.
const USER: &str = "dev";

impl Queries {
    /// `None` for a workspace nobody asked for, which the log does not have.
    pub(super) fn workspace_view(
        &self,
        connection: &Connection,
        id: WorkspaceId,
        record: &Record<Workspace>,
        sequence: u64,
    ) -> Result<Option<WorkspaceView>, ProjectionError> {
        let unknown = is_unknown(connection, &record.state)?;
        Ok(self.view_of(id, record, sequence, unknown))
    }

    /// The same, told whether its node is lost.
    pub(super) fn view_of(
        &self,
        id: WorkspaceId,
        record: &Record<Workspace>,
        sequence: u64,
        unknown: bool,
    ) -> Option<WorkspaceView> {
        let state = &record.state;
        let definition = state.definition.as_ref()?;
        Some(WorkspaceView {
            id,
            name: definition.name.clone(),
            owner: definition.owner,
            owner_login: self.directory.login(definition.owner),
            phase: state.phase,
            // Nothing in the vocabulary says gone; whoever asks for deleted ones sees the phase.
            status: WorkspaceStatus::of(state.phase).unwrap_or(WorkspaceStatus::Stopped),
            unknown,
            partial: state.partial,
            provider: definition.spec.provider,
            node: state.node,
            image: state.machine.as_ref().map(|machine| machine.image.clone()),
            repository: repository(definition, state),
            services: self.services(definition, state),
            ssh: self.ssh(definition, state),
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
            idle_stop_at: projections::idle_stop_at(state),
            created_at: definition.requested_at,
            updated_at: record.updated_at,
            version: record.sequence,
            sequence,
        })
    }

    /// What runs, and what is configured and does not run yet.
    fn services(
        &self,
        definition: &Definition,
        state: &Workspace,
    ) -> std::collections::BTreeMap<nexus_events::name::ServiceName, ServiceView> {
        let configured = definition.spec.services.iter().map(|(name, service)| {
            let status = ServiceStatus::Pending;
            let view = ServiceView {
                status,
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
            .map(|(name, service)| (name.clone(), self.service(service)));
        configured.chain(known).collect()
    }

    fn service(&self, service: &ServiceState) -> ServiceView {
        let host = &self.settings.public_host;
        ServiceView {
            status: service.status,
            port: service.port,
            mapped_port: service.mapped_port,
            url: service
                .mapped_port
                .map(|port| format!("http://{host}:{port}")),
            cause: service.cause.clone(),
        }
    }

    fn ssh(&self, definition: &Definition, state: &Workspace) -> Option<SshView> {
        let machine = state.machine.as_ref();
        Some(SshView {
            host: self.settings.public_host.clone(),
            port: definition.ssh_port?,
            user: machine.map_or_else(|| USER.to_owned(), |machine| machine.user.clone()),
            host_key: machine.and_then(|machine| machine.host_key.clone()),
        })
    }
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

/// Its node is lost: nobody can say how it is.
fn is_unknown(connection: &Connection, state: &Workspace) -> Result<bool, ProjectionError> {
    let Some(node) = state.node else {
        return Ok(false);
    };
    let node = projections::node(connection, node)?;
    Ok(node.is_some_and(|record| record.state.status == NodeStatus::Lost))
}
