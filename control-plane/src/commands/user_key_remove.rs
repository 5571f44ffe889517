//! Remove key: a user's public SSH key is let in no more.

use nexus_events::id::UserId;
use nexus_events::user::UserCommand;
use nexus_events::view::UserView;

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
        let outcome = self
            .on_user(user, &command, context.new_event(identity))
            .await?;
        if let Some(key) = self.sealer.key(user).await? {
            self.queries
                .directory
                .note(user, &outcome.snapshot.state, &key);
        }
        self.written_user(user, &outcome.snapshot)
    }
}
