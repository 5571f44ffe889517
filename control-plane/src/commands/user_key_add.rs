//! Add key: a user's public SSH key is let in from now on.

use nexus_events::aggregate::{Aggregate as _, Decision};
use nexus_events::claim::KeyDigest;
use nexus_events::envelope::Context;
use nexus_events::id::UserId;
use nexus_events::user::{User, UserCommand};
use nexus_events::view::UserView;
use nexus_nats::Snapshot;

use super::key_claims::another;
use super::public_key::PublicKey;
use super::{CommandError, Commands, RequestContext, Written};
use crate::directory::key_field;
use crate::identity::Identity;
use crate::queries::QueryError;

/// How often a user may change while a key of theirs is added.
const TRIES: u32 = 8;

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
        let fingerprint = &public_key.fingerprint;
        if self.is_of_another(user, fingerprint).await? {
            let fingerprint = fingerprint.clone();
            return Err(CommandError::KeyTaken { fingerprint });
        }
        let key = self.sealer.key_or_new(user).await?;
        let sealed = key.seal(&key_field(fingerprint), &public_key.line)?;
        let command = UserCommand::AddKey {
            fingerprint: fingerprint.clone(),
            public_key: sealed,
            at: context.now,
        };
        let event = context.new_event(identity);
        let after = self
            .add_claimed(user, public_key.digest, &command, &event)
            .await?;
        self.queries.directory.note(user, &after.state, &key);
        Ok(after)
    }

    /// Claims the key, then adds it to the user as they were before it was claimed. Were they
    /// somebody newer, the key might have been removed since, and its claim about to be let go of.
    async fn add_claimed(
        &self,
        user: UserId,
        key: KeyDigest,
        command: &UserCommand,
        event: &Context,
    ) -> Result<Snapshot<User>, CommandError> {
        for _ in 0..TRIES {
            let known = self.stored_user(user).await?;
            match known.state.decide(command) {
                Ok(Decision::Event(_)) => {}
                Ok(Decision::Nothing(_)) => return Ok(known),
                Err(rejection) => return Err(rejection.into()),
            }
            let claim = self.claim_key(key, user, another(event)).await?;
            let added = self.on_user_as_known(user, known, command, event.clone());
            match added.await {
                Ok(outcome) => return Ok(outcome.snapshot),
                Err(CommandError::Contended) => {}
                Err(error) => {
                    if error.is_certain() {
                        self.let_go_of_keys([claim], event).await;
                    }
                    return Err(error);
                }
            }
        }
        // The claim stays for the reconciler: whoever changed the user may have added the key.
        Err(CommandError::Contended)
    }

    /// A key of a log that is older than its claims is known by its holder only.
    async fn is_of_another(&self, user: UserId, fingerprint: &str) -> Result<bool, CommandError> {
        match self.queries.directory.other_holder(user, fingerprint) {
            None => Ok(false),
            // Removed at another replica, it may be there still in what was read here.
            Some(other) => {
                let stored = self.stored_user(other).await?;
                Ok(stored.state.keys.contains_key(fingerprint))
            }
        }
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
