//! Knowing when nobody can stay in a workspace: it is being stopped, or deleted.

use nexus_events::id::WorkspaceId;
use nexus_events::view::WorkspaceView;
use nexus_events::workspace::Phase;

use super::Gateway;
use crate::hub::{Subscription, TailItem};
use crate::identity::Identity;
use crate::queries::{EventQuery, Queries, QueryError, WorkspaceRef};

/// Why everybody has to leave a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It stops, or has stopped.
    Stopped,
    /// It is deleted.
    Deleted,
}

/// Watches one workspace.
#[derive(Debug)]
pub(crate) struct Departures {
    queries: Queries,
    workspace: WorkspaceId,
    events: Subscription,
}

impl Gateway {
    /// Watches a workspace from where `view` stood.
    pub(crate) fn departures(&self, view: &WorkspaceView) -> Result<Departures, QueryError> {
        let query = EventQuery {
            after: Some(view.sequence),
            workspace: Some(view.id.to_string()),
            kind: Some("workspace".into()),
            ..EventQuery::default()
        };
        Ok(Departures {
            queries: self.queries.clone(),
            workspace: view.id,
            events: self.hub.subscribe(&Identity::Operator, &query)?,
        })
    }
}

impl Departures {
    /// Waits until everybody has to leave, or will have to soon. Dropping the future loses nothing.
    pub(crate) async fn begun(&mut self) -> Departure {
        self.when(|phase| match phase {
            Phase::Stopping | Phase::Stopped | Phase::Failed => Some(Departure::Stopped),
            Phase::Deleting | Phase::Deleted => Some(Departure::Deleted),
            Phase::Absent
            | Phase::Requested
            | Phase::Provisioning
            | Phase::Starting
            | Phase::Running => None,
        })
        .await
    }

    /// Waits until the machine is down.
    pub(crate) async fn over(&mut self) -> Departure {
        self.when(|phase| match phase {
            Phase::Stopped | Phase::Failed => Some(Departure::Stopped),
            Phase::Deleted => Some(Departure::Deleted),
            Phase::Absent
            | Phase::Requested
            | Phase::Provisioning
            | Phase::Starting
            | Phase::Running
            | Phase::Stopping
            | Phase::Deleting => None,
        })
        .await
    }

    /// Looks again with every event of the workspace.
    async fn when(&mut self, is_so: impl Fn(Phase) -> Option<Departure>) -> Departure {
        loop {
            if let Some(departure) = is_so(self.phase()) {
                return departure;
            }
            match self.events.next().await {
                Ok(TailItem::Event(_) | TailItem::CaughtUp { .. } | TailItem::Cut { .. }) => {}
                // The server stops, which whoever waits here learns from elsewhere.
                Ok(TailItem::Ended) | Err(_) => std::future::pending().await,
            }
        }
    }

    /// Where it stands. One that cannot be read is taken to stay as it is.
    fn phase(&self) -> Phase {
        let reference = WorkspaceRef::Id(self.workspace);
        match self.queries.workspace(&Identity::Operator, &reference) {
            Ok(view) => view.phase,
            Err(error) => {
                tracing::warn!(%error, workspace = %self.workspace, "reading how it stands");
                Phase::Running
            }
        }
    }
}
