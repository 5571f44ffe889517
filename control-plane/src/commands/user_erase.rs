//! Erase user: the key goes, and with it everything personal the log holds of them.

use nexus_events::claim::KeyDigest;
use nexus_events::id::UserId;
use nexus_events::user::{User, UserCommand};

use super::credentials_change::no_longer_in_force;
use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;

impl Commands {
    /// Erases a user for good. Their workspaces stay until they are deleted.
    ///
    /// The event comes first: whoever reads it drops the key too, should this process end here.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn erase_user(
        &self,
        identity: &Identity,
        user: UserId,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        self.may_change(identity, user)?;
        let _alone = self.changing_values.lock().await;
        let before = self.queries.user_state(identity, user).ok();
        let command = UserCommand::Erase { at: context.now };
        let event = context.new_event(identity);
        let outcome = self.on_user(user, &command, event.clone()).await;
        let sequence = match outcome {
            Ok(outcome) => outcome.snapshot.sequence,
            // Erased before: the key may have been left behind.
            Err(CommandError::User(nexus_events::user::UserRejection::Erased)) => {
                self.queries.sequence()
            }
            Err(error) => return Err(error),
        };
        self.sealer.forget(user).await?;
        let nobody = User::default();
        let values = no_longer_in_force(before.as_ref().unwrap_or(&nobody), &nobody);
        self.queries.vault.forget(user, values).await;
        self.queries.directory.forget(user);
        // Whoever is erased gets no key any more: what is held for them now may be let go of.
        let keys = before.iter().flat_map(|before| before.keys.keys());
        for key in keys.filter_map(|key| KeyDigest::of_fingerprint(key)) {
            match self.claim_of_key(key, user).await {
                Ok(claim) => self.let_go_of_keys(claim, &event).await,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, %key, "left to the reconciler");
                }
            }
        }
        Ok(Written {
            value: (),
            sequence,
        })
    }
}
