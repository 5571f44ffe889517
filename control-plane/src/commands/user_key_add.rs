//! Add key: a user's public SSH key is let in from now on.

use nexus_events::id::UserId;
use nexus_events::user::{User, UserCommand};
use nexus_events::view::UserView;
use nexus_nats::Snapshot;

use super::public_key::PublicKey;
use super::{CommandError, Commands, RequestContext, Written};
use crate::directory::key_field;
use crate::identity::Identity;
use crate::queries::QueryError;

impl Commands {
    /// Lets a public key in; one that is there already changes nothing.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn add_user_key(
        &self,
        identity: &Identity,
        user: UserId,
        public_key: &str,
        context: &RequestContext,
    ) -> Result<Written<UserView>, CommandError> {
        self.may_change(identity, user)?;
        let key: PublicKey = public_key
            .parse()
            .map_err(|error| CommandError::field("public_key", error))?;
        let after = self.put_key(identity, user, &key, context).await?;
        self.written_user(user, &after)
    }

    pub(super) async fn put_key(
        &self,
        identity: &Identity,
        user: UserId,
        public_key: &PublicKey,
        context: &RequestContext,
    ) -> Result<Snapshot<User>, CommandError> {
        let fingerprint = public_key.fingerprint.clone();
        let _alone = self.adding_keys.lock().await;
        // A key says who somebody is at the jump host, so it is one person's.
        if self.queries.directory.has_other(user, &fingerprint) {
            return Err(CommandError::KeyTaken { fingerprint });
        }
        let key = self.sealer.key_or_new(user).await?;
        let sealed = key.seal(&key_field(&fingerprint), &public_key.line)?;
        let command = UserCommand::AddKey {
            fingerprint,
            public_key: sealed,
            at: context.now,
        };
        let outcome = self
            .on_user(user, &command, context.new_event(identity))
            .await?;
        self.queries
            .directory
            .note(user, &outcome.snapshot.state, &key);
        Ok(outcome.snapshot)
    }

    /// What belongs to somebody else is not there.
    pub(super) fn may_change(&self, identity: &Identity, user: UserId) -> Result<(), CommandError> {
        if identity.may_see(user) {
            Ok(())
        } else {
            Err(QueryError::not_found("user", user).into())
        }
    }

    pub(super) fn written_user(
        &self,
        user: UserId,
        after: &Snapshot<User>,
    ) -> Result<Written<UserView>, CommandError> {
        let value = self
            .queries
            .user_view(user, &after.state)
            .ok_or_else(|| QueryError::not_found("user", user))?;
        Ok(Written {
            value,
            sequence: after.sequence,
        })
    }
}
