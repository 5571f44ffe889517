//! Deciding about one aggregate, from its projected row.

use nexus_events::aggregate::Aggregate as _;
use nexus_events::claim::{Claim, ClaimId};
use nexus_events::envelope::Context;
use nexus_events::id::{NodeId, UserId, WorkspaceId};
use nexus_events::node::{Node, NodeCommand};
use nexus_events::user::{User, UserCommand};
use nexus_events::workspace::{Command, Workspace};
use nexus_nats::{Outcome, Repository, Snapshot};

use super::{CommandError, Commands};
use crate::projections::{self, ProjectionError, Record};
use crate::queries::QueryError;

impl<A> From<Record<A>> for Snapshot<A> {
    fn from(record: Record<A>) -> Self {
        Self {
            state: record.state,
            sequence: record.sequence,
        }
    }
}

fn snapshot<A: Default>(record: Option<Record<A>>) -> Snapshot<A> {
    record.unwrap_or_default().into()
}

impl From<ProjectionError> for CommandError {
    fn from(error: ProjectionError) -> Self {
        QueryError::from(error).into()
    }
}

impl Commands {
    /// The workspaces in the log.
    pub(crate) fn workspaces(&self) -> Repository<Workspace> {
        Repository::new(self.queries.backbone.log.clone())
    }

    pub(crate) async fn on_workspace(
        &self,
        id: WorkspaceId,
        known: Record<Workspace>,
        command: &Command,
        context: Context,
    ) -> Result<Outcome<Workspace>, CommandError> {
        let decide = |state: &Workspace| state.decide(command);
        Ok(self
            .workspaces()
            .execute(&id, known.into(), decide, || context)
            .await?)
    }

    pub(crate) async fn on_user(
        &self,
        id: UserId,
        command: &UserCommand,
        context: Context,
    ) -> Result<Outcome<User>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::user(connection, id))?;
        let users = Repository::<User>::new(self.queries.backbone.log.clone());
        let decide = |state: &User| state.decide(command);
        Ok(users
            .execute(&id, snapshot(known), decide, || context)
            .await?)
    }

    pub(crate) async fn on_node(
        &self,
        id: NodeId,
        command: &NodeCommand,
        context: Context,
    ) -> Result<Outcome<Node>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::node(connection, id))?;
        let nodes = Repository::<Node>::new(self.queries.backbone.log.clone());
        let decide = |state: &Node| state.decide(command);
        Ok(nodes
            .execute(&id, snapshot(known), decide, || context)
            .await?)
    }

    /// The claim as projected.
    pub(super) fn claim(&self, id: &ClaimId) -> Result<Snapshot<Claim>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::claim(connection, id))?;
        Ok(snapshot(known))
    }
}
