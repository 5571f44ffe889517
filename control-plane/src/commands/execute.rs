//! Deciding about one aggregate, from its projected row.
//!
//! A row may be a moment old. An event decided on an old row meets a conflict, and the repository
//! decides again; a refusal, or nothing to be done, meets nobody. So those are only believed
//! once the log has nothing newer.

use nexus_events::aggregate::Aggregate;
use nexus_events::claim::{Claim, ClaimCommand, ClaimId, ClaimRejection};
use nexus_events::envelope::Context;
use nexus_events::id::{NodeId, UserId, WorkspaceId};
use nexus_events::node::{Node, NodeCommand};
use nexus_events::user::{User, UserCommand};
use nexus_events::workspace::{Command, Workspace};
use nexus_nats::repository::Effect;
use nexus_nats::{ExecuteError, Log, Outcome, Repository, Snapshot};

use super::{CommandError, Commands};
use crate::projections::{self, ProjectionError, Record};
use crate::queries::QueryError;
use crate::room::{Needs as _, free_bytes};

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

/// Decides on `known`, and once more on what the log has since when that gives no event.
async fn decide_surely<A: Aggregate>(
    log: &Log,
    id: &A::Id,
    known: Snapshot<A>,
    command: &A::Command,
    context: Context,
) -> Result<Outcome<A>, ExecuteError<A::Rejection>> {
    let aggregates = Repository::<A>::new(log.clone());
    let decide = |state: &A| state.decide(command);
    let again = context.clone();
    let first = aggregates
        .execute(id, known.clone(), decide, || context)
        .await;
    match first {
        Ok(Outcome {
            effect: Effect::Nothing(_),
            ..
        })
        | Err(ExecuteError::Rejected(_)) => {}
        Ok(_) | Err(_) => return first,
    }
    let then = known.sequence;
    let newest = aggregates.catch_up(id, known).await?;
    if newest.sequence == then {
        return first;
    }
    aggregates.execute(id, newest, decide, || again).await
}

impl Commands {
    /// Decides, and notes how long that took and where it was recorded.
    async fn execute<A: Aggregate>(
        &self,
        id: &A::Id,
        known: Snapshot<A>,
        command: &A::Command,
        context: Context,
    ) -> Result<Outcome<A>, ExecuteError<A::Rejection>> {
        let began = std::time::Instant::now();
        let outcome = decide_surely(self.log(), id, known, command, context).await;
        crate::metrics::note_command(A::KIND.as_str(), began.elapsed());
        if let Ok(outcome) = &outcome {
            self.queries.note_written(outcome.snapshot.sequence);
        }
        outcome
    }

    /// Refuses what needs more room than is left.
    pub(super) fn has_room(&self, needs: u64) -> Result<(), CommandError> {
        match free_bytes(&self.queries.settings) {
            Ok(free) if free < needs => Err(CommandError::NoRoom { free }),
            // What cannot be measured is no reason to refuse; the log has the last word.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) fn log(&self) -> &Log {
        &self.queries.backbone.log
    }

    /// The workspace as the log has it.
    pub(super) async fn stored_workspace(
        &self,
        id: WorkspaceId,
    ) -> Result<Snapshot<Workspace>, CommandError> {
        let stored = Repository::<Workspace>::new(self.log().clone())
            .load(&id)
            .await;
        Ok(stored?)
    }

    /// The claim as the log has it.
    pub(super) async fn stored_claim(&self, id: &ClaimId) -> Result<Snapshot<Claim>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::claim(connection, id))?;
        let claims = Repository::<Claim>::new(self.log().clone());
        Ok(claims.catch_up(id, snapshot(known)).await?)
    }

    pub(crate) async fn on_workspace(
        &self,
        id: WorkspaceId,
        known: Record<Workspace>,
        command: &Command,
        context: Context,
    ) -> Result<Outcome<Workspace>, CommandError> {
        self.has_room(command.needs())?;
        Ok(self.execute(&id, known.into(), command, context).await?)
    }

    pub(crate) async fn on_user(
        &self,
        id: UserId,
        command: &UserCommand,
        context: Context,
    ) -> Result<Outcome<User>, CommandError> {
        self.has_room(command.needs())?;
        let known = self
            .queries
            .database
            .read(|connection| projections::user(connection, id))?;
        Ok(self.execute(&id, snapshot(known), command, context).await?)
    }

    /// Decides on the user as they were when `known` was read, or not at all.
    pub(super) async fn on_user_as_known(
        &self,
        id: UserId,
        known: Snapshot<User>,
        command: &UserCommand,
        context: Context,
    ) -> Result<Outcome<User>, CommandError> {
        self.has_room(command.needs())?;
        let users = Repository::<User>::new(self.log().clone());
        let decide = |state: &User| state.decide(command);
        let outcome = users.execute_once(&id, known, decide, || context).await?;
        self.queries.note_written(outcome.snapshot.sequence);
        Ok(outcome)
    }

    pub(crate) async fn on_node(
        &self,
        id: NodeId,
        command: &NodeCommand,
        context: Context,
    ) -> Result<Outcome<Node>, CommandError> {
        self.has_room(command.needs())?;
        let known = self
            .queries
            .database
            .read(|connection| projections::node(connection, id))?;
        Ok(self.execute(&id, snapshot(known), command, context).await?)
    }

    /// The outer error is a failure, the inner one the claim's own refusal.
    pub(super) async fn on_claim(
        &self,
        id: &ClaimId,
        command: &ClaimCommand,
        context: Context,
    ) -> Result<Result<Outcome<Claim>, ClaimRejection>, CommandError> {
        self.has_room(command.needs())?;
        let known = self
            .queries
            .database
            .read(|connection| projections::claim(connection, id))?;
        match self.execute(id, snapshot(known), command, context).await {
            Err(ExecuteError::Rejected(rejection)) => Ok(Err(rejection)),
            outcome => Ok(Ok(outcome?)),
        }
    }
}
