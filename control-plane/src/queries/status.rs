//! The status of a workspace in the words and shape of the first `/api/v1`.

use std::time::Duration;

use nexus_events::status::WorkspaceStatus;
use nexus_events::view::{
    StatusRepository, StatusService, StatusSsh, WorkspaceStatusReply, WorkspaceView,
};

use super::{Queries, QueryError, WorkspaceRef};
use crate::identity::Identity;

impl Queries {
    /// How a workspace stands.
    ///
    /// # Errors
    /// When there is none of that name that `identity` may see.
    pub fn workspace_status(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
    ) -> Result<WorkspaceStatusReply, QueryError> {
        let view = self.workspace(identity, reference)?;
        match WorkspaceStatus::of(view.phase) {
            Some(status) => Ok(reply(view, status)),
            None => Err(QueryError::not_found("workspace", reference)),
        }
    }

    /// Waits until nothing is under way in a workspace, or `wait` is over.
    ///
    /// # Errors
    /// As [`Queries::workspace_status`].
    pub async fn settle(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
        wait: Duration,
    ) -> Result<(), QueryError> {
        if wait.is_zero() {
            return Ok(());
        }
        self.until(wait, || {
            let (_, record) = self.find(identity, reference)?;
            Ok(record.state.operation.is_none())
        })
        .await?;
        Ok(())
    }
}

fn reply(view: WorkspaceView, status: WorkspaceStatus) -> WorkspaceStatusReply {
    let services = view.services.into_iter().map(|(name, service)| {
        let service = StatusService {
            status: service.status,
            port: service.port,
            mapped_port: service.mapped_port,
            url: service.url,
        };
        (name, service)
    });
    WorkspaceStatusReply {
        workspace_id: view.id,
        status,
        ssh: view.ssh.map(|ssh| StatusSsh {
            host: ssh.host,
            port: ssh.port,
            user: ssh.user,
        }),
        services: services.collect(),
        repo: view.repository.map(|repository| StatusRepository {
            owner: repository.owner,
            name: repository.name,
            branch: repository.branch.map(|branch| branch.to_string()),
            commit: repository.commit,
        }),
    }
}
