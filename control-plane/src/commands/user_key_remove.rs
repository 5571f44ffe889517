//! Remove key: a user's public SSH key is let in no more.

use nexus_events::claim::KeyDigest;
use nexus_events::id::UserId;
use nexus_events::user::UserCommand;
use nexus_events::view::UserView;
use nexus_nats::repository::Effect;

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;

impl Commands {
    /// Lets a key in no more; one that is not there changes nothing.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn remove_user_key(
        &self,
        identity: &Identity,
        user: UserId,
        fingerprint: &str,
        context: &RequestContext,
    ) -> Result<Written<UserView>, CommandError> {
        self.may_change(identity, user)?;
        let command = UserCommand::RemoveKey {
            fingerprint: fingerprint.to_owned(),
            at: context.now,
        };
        let digest = KeyDigest::of_fingerprint(fingerprint);
        // As it is before: one that comes while the key is removed is of somebody who adds it.
        let claim = match digest {
            Some(digest) => self.claim_of_key(digest, user).await?,
            None => None,
        };
        let event = context.new_event(identity);
        let outcome = self.on_user(user, &command, event.clone()).await?;
        if matches!(outcome.effect, Effect::Appended { .. }) {
            self.let_go_of_keys(claim, &event).await;
        }
        if let Some(key) = self.sealer.key(user).await? {
            self.queries
                .directory
                .note(user, &outcome.snapshot.state, &key);
        }
        self.written_user(user, &outcome.snapshot)
    }
}
