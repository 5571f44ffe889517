//! Register user: a GitHub account becomes a user, once; later registrations may add a key.

use nexus_events::id::UserId;
use nexus_events::user::{Profile, User, UserCommand};
use nexus_events::view::{RegisterUserReply, RegisterUserRequest};
use nexus_nats::Snapshot;

use super::public_key::PublicKey;
use super::{CommandError, Commands, RequestContext, Written};
use crate::directory::{ACCOUNT, LOGIN};
use crate::identity::Identity;

impl Commands {
    /// Registers whoever has the account, with a first key; again it gives the same reply.
    ///
    /// Who asks must be an administrator, or be that very user already: a login in a request
    /// proves nothing.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn register_user(
        &self,
        identity: &Identity,
        request: RegisterUserRequest,
        context: &RequestContext,
    ) -> Result<Written<RegisterUserReply>, CommandError> {
        let key: PublicKey = request
            .ssh_pubkey
            .parse()
            .map_err(|error| CommandError::field("ssh_pubkey", error))?;
        if key.fingerprint != request.ssh_pubkey_fingerprint {
            let cause = format!("the key's fingerprint is {}", key.fingerprint);
            return Err(CommandError::field("ssh_pubkey_fingerprint", cause));
        }
        let user = self.sealer.user_id(request.github_id);
        if !identity.may_see(user) {
            let what = "only an administrator may register somebody else".into();
            return Err(CommandError::Forbidden { what });
        }
        let login = request.github_username.as_str();
        self.enrol(
            identity,
            user,
            login,
            &request.github_id.to_string(),
            context,
        )
        .await?;
        let registered = self.put_key(identity, user, &key, context).await?;
        let Some(profile) = &registered.state.profile else {
            return Err(nexus_events::user::UserRejection::Unregistered.into());
        };
        let value = RegisterUserReply {
            user_id: user,
            registered_at: profile.registered_at,
            workspaces: self.queries.workspace_ids_of(user)?,
        };
        Ok(Written {
            value,
            sequence: registered.sequence,
        })
    }

    /// Makes the user of `account` known under `login`, without a key.
    pub(crate) async fn enrol_account(
        &self,
        identity: &Identity,
        account: u64,
        login: &str,
        context: &RequestContext,
    ) -> Result<UserId, CommandError> {
        let user = self.sealer.user_id(account);
        self.enrol(identity, user, login, &account.to_string(), context)
            .await?;
        Ok(user)
    }

    /// Makes `user` known under `login`, with personal fields sealed.
    async fn enrol(
        &self,
        identity: &Identity,
        user: UserId,
        login: &str,
        account: &str,
        context: &RequestContext,
    ) -> Result<Snapshot<User>, CommandError> {
        let key = self.sealer.key_or_new(user).await?;
        let profile = Profile {
            github_login: key.seal(LOGIN, login)?,
            github_id: key.seal(ACCOUNT, account)?,
            registered_at: context.now,
        };
        let command = UserCommand::Register { profile };
        let outcome = self
            .on_user(user, &command, context.new_event(identity))
            .await?;
        self.queries
            .directory
            .note(user, &outcome.snapshot.state, &key);
        Ok(outcome.snapshot)
    }
}
