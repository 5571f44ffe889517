//! Whose an SSH key is: one user's, whoever asks at whichever server.
//!
//! The key is claimed before the event that adds it, and let go of after the one that takes it
//! away. Should this process end in between, a reconciler puts it right
//! (`crate::reconcile::key_claims`).

use jiff::Timestamp;
use nexus_events::claim::{ClaimCommand, ClaimId, KeyDigest};
use nexus_events::envelope::Context;
use nexus_events::id::{EventId, UserId};
use nexus_events::user::User;
use nexus_nats::{Repository, Snapshot};

use super::{CommandError, Commands};
use crate::projections;

/// A claim of a key, as it stands for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyClaim {
    pub(crate) key: KeyDigest,
    pub(crate) user: UserId,
    /// Tells it from one that came after it.
    pub(crate) claimed_at: Timestamp,
}

impl Commands {
    /// Claims a key for a user who is about to have it; anew, where it is theirs already.
    pub(super) async fn claim_key(
        &self,
        key: KeyDigest,
        user: UserId,
        context: Context,
    ) -> Result<KeyClaim, CommandError> {
        let at = context.at;
        let command = ClaimCommand::ClaimKey { user, at };
        let claimed = self.on_claim(&ClaimId::Key(key), &command, context).await?;
        let fingerprint = key.fingerprint();
        let claimed = claimed.map_err(|_| CommandError::KeyTaken { fingerprint })?;
        let claimed_at = claimed.snapshot.state.changed_at.unwrap_or(at);
        Ok(KeyClaim {
            key,
            user,
            claimed_at,
        })
    }

    /// Claims a key for a user who has it; whether that was left to do, and nobody else's.
    pub(crate) async fn adopt_key(
        &self,
        key: KeyDigest,
        user: UserId,
        context: Context,
    ) -> Result<bool, CommandError> {
        let at = context.at;
        let command = ClaimCommand::AdoptKey { user, at };
        let adopted = self.on_claim(&ClaimId::Key(key), &command, context).await?;
        Ok(adopted.is_ok_and(|outcome| {
            matches!(
                outcome.effect,
                nexus_nats::repository::Effect::Appended { .. }
            )
        }))
    }

    /// Lets go of a key, unless it was claimed again since.
    pub(crate) async fn release_key(
        &self,
        claim: KeyClaim,
        context: Context,
    ) -> Result<(), CommandError> {
        let command = ClaimCommand::ReleaseKey {
            user: claim.user,
            claimed_at: claim.claimed_at,
            at: context.at,
        };
        match self
            .on_claim(&ClaimId::Key(claim.key), &command, context)
            .await?
        {
            Ok(_) => Ok(()),
            Err(rejection) => Err(CommandError::Inside(rejection.into())),
        }
    }

    /// The same, for keys that are not let in any more; what fails is left to the reconciler.
    pub(super) async fn let_go_of_keys(
        &self,
        claims: impl IntoIterator<Item = KeyClaim>,
        context: &Context,
    ) {
        for claim in claims {
            let context = another(context);
            if let Err(error) = self.release_key(claim, context).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, key = %claim.key, "left to the reconciler");
            }
        }
    }

    /// The claim of a key as the log has it, if it is held for this user.
    pub(super) async fn claim_of_key(
        &self,
        key: KeyDigest,
        user: UserId,
    ) -> Result<Option<KeyClaim>, CommandError> {
        let stored = self.stored_claim(&ClaimId::Key(key)).await?.state;
        let claimed_at = stored.changed_at;
        let is_theirs = stored.holder == Some(user.into());
        Ok(claimed_at.filter(|_| is_theirs).map(|claimed_at| KeyClaim {
            key,
            user,
            claimed_at,
        }))
    }

    /// The user as the log has them.
    pub(crate) async fn stored_user(&self, user: UserId) -> Result<Snapshot<User>, CommandError> {
        let known = self
            .queries
            .database
            .read(|connection| projections::user(connection, user))?;
        let known = known.unwrap_or_default().into();
        let users = Repository::<User>::new(self.log().clone());
        Ok(users.catch_up(&user, known).await?)
    }
}

/// The envelope of one more event of the same request.
pub(super) fn another(context: &Context) -> Context {
    Context {
        id: EventId::from_uuid(uuid::Uuid::now_v7()),
        ..context.clone()
    }
}
