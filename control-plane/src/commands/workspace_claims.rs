//! What must be unique about a workspace: its name among its owner's, and its port.
//!
//! Both are claimed at once, before the workspace is requested. Should the request not come about
//! they are let go; where others may count on them, or this process ends in between, a reconciler
//! lets them go.

use std::collections::HashSet;

use jiff::SignedDuration;
use nexus_events::claim::{ClaimCommand, ClaimId, ClaimRejection, Holder};
use nexus_events::envelope::Context;
use nexus_events::id::{EventId, UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use nexus_events::workspace::Phase;

use super::ports::Wanted;
use super::{CommandError, Commands};
use crate::projections;

/// Whose claim, and what it follows from.
#[derive(Debug, Clone)]
pub(super) struct Claimant {
    pub(super) workspace: WorkspaceId,
    pub(super) context: Context,
    /// Whether the same request may have been made before, or be under way elsewhere: under the
    /// ids that follow from its idempotency key.
    pub(super) is_keyed: bool,
}

impl Claimant {
    /// A claim is known by its holder, so its events need no id a retry could find.
    fn event(&self) -> Context {
        Context {
            id: EventId::from_uuid(uuid::Uuid::now_v7()),
            ..self.context.clone()
        }
    }
}

impl Commands {
    /// Claims the name and a port, or neither. `held`: the port a request sent again has already.
    pub(super) async fn claim_name_and_port(
        &self,
        claimant: &Claimant,
        owner: UserId,
        name: &WorkspaceName,
        held: Option<u16>,
    ) -> Result<u16, CommandError> {
        let named = ClaimId::Name {
            owner,
            name: name.clone(),
        };
        if self.is_held(&named)? {
            // Most likely refused: no port is claimed for it before that is known.
            self.claim_name(claimant, &named, name).await?;
        }
        let (by_name, by_port) = tokio::join!(
            self.claim_name(claimant, &named, name),
            self.claim_held_or_free(claimant, held)
        );
        match (by_name, by_port) {
            (Ok(()), Ok(port)) => Ok(port),
            (Ok(()), Err(error)) => {
                self.give_up(claimant, &named).await;
                Err(error)
            }
            (Err(error), Ok(port)) => {
                self.give_up(claimant, &ClaimId::Port(port)).await;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    async fn claim_name(
        &self,
        claimant: &Claimant,
        id: &ClaimId,
        name: &WorkspaceName,
    ) -> Result<(), CommandError> {
        // A name is its owner's own, and may be used again at once.
        let quarantine = SignedDuration::ZERO;
        let holder = match self.try_claim(claimant, id, quarantine).await? {
            Ok(()) => return Ok(()),
            Err(ClaimRejection::Held { holder }) => holder,
            Err(rejection @ ClaimRejection::Quarantined { .. }) => {
                return Err(CommandError::Inside(rejection.into()));
            }
        };
        // The name of a workspace that is gone is released by a policy, a moment later.
        if !self.is_gone(holder)? {
            return Err(CommandError::NameTaken { name: name.clone() });
        }
        if let Some(workspace) = holder.workspace() {
            self.release_claim(id, workspace, claimant.event()).await?;
        }
        match self.try_claim(claimant, id, quarantine).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(CommandError::NameTaken { name: name.clone() }),
        }
    }

    /// What is projected may be a moment old, and the first attempt may have let go of the port: the
    /// claim itself says whether it is still held.
    async fn claim_held_or_free(
        &self,
        claimant: &Claimant,
        held: Option<u16>,
    ) -> Result<u16, CommandError> {
        if let Some(port) = held {
            let id = ClaimId::Port(port);
            if let Ok(()) = self.try_claim(claimant, &id, SignedDuration::ZERO).await? {
                return Ok(port);
            }
        }
        self.claim_port(claimant, HashSet::new()).await
    }

    /// Claims a port of the pools that is none of `refused`.
    pub(super) async fn claim_port(
        &self,
        claimant: &Claimant,
        mut refused: HashSet<u16>,
    ) -> Result<u16, CommandError> {
        let settings = &self.queries.settings;
        let wanted = Wanted {
            pools: &settings.ssh_ports,
            on_this_machine: settings.on_this_machine,
            quarantine: settings.port_quarantine,
            now: claimant.context.at,
        };
        while let Some(candidate) = self.ports.candidate(&wanted, &refused) {
            let id = ClaimId::Port(candidate.port);
            match self.try_claim(claimant, &id, candidate.quarantine).await? {
                Ok(()) => return Ok(candidate.claimed()),
                // Another process was first, or has just let go of it.
                Err(_) => refused.insert(candidate.port),
            };
        }
        let pools: Vec<_> = wanted
            .pools
            .iter()
            .map(|pool| format!("{}-{}", pool.start(), pool.end()))
            .collect();
        Err(CommandError::PortPoolEmpty {
            pools: pools.join(", "),
        })
    }

    /// The inner error is the claim's own refusal.
    async fn try_claim(
        &self,
        claimant: &Claimant,
        id: &ClaimId,
        quarantine: SignedDuration,
    ) -> Result<Result<(), ClaimRejection>, CommandError> {
        let at = claimant.context.at;
        let command = ClaimCommand::Claim {
            workspace: claimant.workspace,
            at,
            quarantine,
        };
        let outcome = self.on_claim(id, &command, claimant.event()).await?;
        Ok(outcome.map(drop))
    }

    /// Lets go of a claim of `holder`; anybody else's stays.
    pub(crate) async fn release_claim(
        &self,
        id: &ClaimId,
        holder: WorkspaceId,
        context: Context,
    ) -> Result<(), CommandError> {
        let command = ClaimCommand::Release {
            workspace: holder,
            at: context.at,
        };
        match self.on_claim(id, &command, context).await? {
            Ok(_) => Ok(()),
            Err(rejection) => Err(CommandError::Inside(rejection.into())),
        }
    }

    /// Lets go of what was claimed by an attempt that came to nothing, if it was the only one.
    ///
    /// An attempt before, whose answer was lost, may have stored the request; one at another
    /// replica may store it yet. Either counts on the same claims, so they stay: the reconciler
    /// finds those that are nobody's.
    pub(super) async fn give_up(&self, claimant: &Claimant, id: &ClaimId) {
        if !claimant.is_keyed {
            self.let_go(claimant, id).await;
        }
    }

    /// Lets go of a claim that is known to be of no use.
    pub(super) async fn let_go(&self, claimant: &Claimant, id: &ClaimId) {
        if let Err(error) = self
            .release_claim(id, claimant.workspace, claimant.event())
            .await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, claim = %id, "left to the reconciler");
        }
    }

    /// Lets go of what the read model takes for an orphan, unless the log knows better; tells
    /// whether it did.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub(crate) async fn release_orphan(
        &self,
        id: &ClaimId,
        holder: WorkspaceId,
        context: Context,
    ) -> Result<bool, CommandError> {
        let stored = self.stored_workspace(holder).await?.state;
        let is_in_use = stored.phase != Phase::Deleted
            && stored.definition.is_some_and(|definition| match id {
                ClaimId::Name { owner, name } => {
                    definition.owner == *owner && definition.name == *name
                }
                ClaimId::Port(port) => definition.ssh_port == Some(*port),
                ClaimId::Key(_) => false,
            });
        if !is_in_use {
            self.release_claim(id, holder, context).await?;
        }
        Ok(!is_in_use)
    }

    /// Whether somebody holds it, as far as is projected.
    fn is_held(&self, id: &ClaimId) -> Result<bool, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::claim(connection, id))?;
        Ok(known.is_some_and(|claim| claim.state.holder.is_some()))
    }

    /// Whether it is a workspace that was deleted.
    fn is_gone(&self, holder: Holder) -> Result<bool, CommandError> {
        let Some(workspace) = holder.workspace() else {
            return Ok(false);
        };
        let record = self
            .queries
            .database
            .read(|connection| projections::workspace(connection, workspace))?;
        Ok(record.is_some_and(|record| record.state.phase == Phase::Deleted))
    }
}

/// The envelope of a release nobody asked for.
pub(crate) fn release_context(
    actor: nexus_events::envelope::Actor,
    correlation: nexus_events::id::CorrelationId,
    causation: Option<String>,
    at: jiff::Timestamp,
) -> Context {
    let id = EventId::from_uuid(uuid::Uuid::now_v7());
    Context {
        id,
        at,
        actor,
        correlation,
        causation,
        traceparent: None,
    }
}
