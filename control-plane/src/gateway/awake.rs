//! Start on connect: whoever knocks at a stopped workspace wakes it, and is told how that goes.

use nexus_events::view::{Accepted, OperationState, OperationView, WorkspaceView};
use nexus_events::workspace::{Phase, Step};
use nexus_init_protocol::Client;

use super::{Gateway, ReachError};
use crate::commands::RequestContext;
use crate::identity::Identity;
use crate::queries::WorkspaceRef;

/// How a start is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// One sentence.
    pub message: String,
    /// The step it is in, once it is in one.
    pub step: Option<Step>,
}

impl Gateway {
    /// Speaks to the init of a running workspace; one that does not run is started first, as
    /// `identity`, and `progress` is told how that goes.
    ///
    /// It ends with the operation, whose deadline bounds it. Dropping the future leaves the start
    /// under way.
    ///
    /// # Errors
    /// When there is no such workspace, or it does not come up.
    pub async fn awake(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        mut progress: impl FnMut(&Progress) + Send,
    ) -> Result<(WorkspaceView, Client), ReachError> {
        let view = self.queries.workspace(identity, workspace)?;
        if let Some(client) = self.running(&view) {
            return Ok((view, client));
        }
        let workspace = WorkspaceRef::Id(view.id);
        let context = RequestContext::new(self.clock.now());
        let accepted = self
            .commands
            .start_workspace(identity, &workspace, &context)
            .await?;
        let message = format!("Starting {}", view.name);
        progress(&Progress {
            message,
            step: None,
        });
        self.follow(identity, &workspace, &accepted, progress).await
    }

    fn running(&self, view: &WorkspaceView) -> Option<Client> {
        match (view.phase, view.node) {
            (Phase::Running, Some(node)) if !view.unknown => Some(self.client(node, view.id)),
            _ => None,
        }
    }

    /// Looks again with every event until the workspace runs, or will not.
    async fn follow(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
        accepted: &Accepted,
        mut progress: impl FnMut(&Progress) + Send,
    ) -> Result<(WorkspaceView, Client), ReachError> {
        let mut projected = self.queries.projected();
        let mut told = None;
        loop {
            let there = projected.wait_for(|now| *now >= accepted.sequence).await;
            // The sender lives as long as the projection; without it nothing new is to be seen.
            let ends = there.map(drop).is_err();
            // The operation first: a view read after its end is newer than that end.
            let operation = match accepted.operation {
                Some(id) => Some(self.queries.operation(identity, id)?),
                None => None,
            };
            let view = self.queries.workspace(identity, workspace)?;
            if let Some(client) = self.running(&view) {
                return Ok((view, client));
            }
            still_coming(&view, operation)?;
            let step = view
                .operation
                .as_ref()
                .and_then(|current| current.step.clone());
            if let Some(step) = step.filter(|step| told.as_ref() != Some(step)) {
                progress(&Progress {
                    message: format!("Starting {}: {}", view.name, words(&step)),
                    step: Some(step.clone()),
                });
                told = Some(step);
            }
            if ends || projected.changed().await.is_err() {
                return Err(ReachError::not_running(&view));
            }
        }
    }
}

/// Whether the operation that is to bring it up is still under way.
fn still_coming(view: &WorkspaceView, operation: Option<OperationView>) -> Result<(), ReachError> {
    let Some(operation) = operation else {
        return Err(ReachError::not_running(view));
    };
    match operation.state {
        OperationState::InFlight => Ok(()),
        // It came up, and went down again before anybody looked.
        OperationState::Succeeded => Err(ReachError::not_running(view)),
        OperationState::Failed | OperationState::Superseded => Err(ReachError::NotStarted {
            name: view.name.to_string(),
            failure: operation.failure.map(Box::new),
        }),
    }
}

/// What is being done, for people.
fn words(step: &Step) -> String {
    match step {
        Step::Image => "fetching the image".into(),
        Step::Machine => "making the machine".into(),
        Step::Network => "connecting the network".into(),
        Step::Start => "starting the machine".into(),
        Step::Ssh => "placing the keys".into(),
        Step::Clone => "cloning the repository".into(),
        Step::Install => "installing dependencies".into(),
        Step::Hooks => "running the hooks".into(),
        Step::Service(name) => format!("starting the service {name}"),
        Step::Stop => "stopping the machine".into(),
        Step::Delete => "removing the machine".into(),
    }
}
