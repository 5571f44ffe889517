//! What is kept for a user, by name: values stay where they are.

use nexus_events::id::UserId;
use nexus_events::user::{CredentialName, User};
use nexus_events::view::{CredentialView, CredentialsView, Scripts};

use super::{Queries, QueryError};
use crate::identity::Identity;
use crate::projections;
use crate::sealing::SealingError;

/// The sealed field that holds a credential.
pub(crate) fn credential_field(name: &CredentialName) -> String {
    format!("credential:{name}")
}

/// The sealed field that holds the script run after a start.
pub(crate) const POST_START: &str = "script:post_start";

impl Queries {
    /// The credentials of a user, without their values.
    ///
    /// # Errors
    /// When there is no such user that `identity` may see.
    pub fn credentials(
        &self,
        identity: &Identity,
        user: UserId,
    ) -> Result<CredentialsView, QueryError> {
        let sequence = self.sequence();
        let state = self.user_state(identity, user)?;
        Ok(credentials_view(&state, sequence))
    }

    /// The scripts of a user.
    ///
    /// # Errors
    /// When there is no such user that `identity` may see, or the vault does not answer.
    pub async fn scripts(&self, identity: &Identity, user: UserId) -> Result<Scripts, QueryError> {
        let state = self.user_state(identity, user)?;
        Ok(self.scripts_of(user, &state).await?)
    }

    /// The scripts `state` names; one whose value is gone is none.
    pub(crate) async fn scripts_of(
        &self,
        user: UserId,
        state: &User,
    ) -> Result<Scripts, SealingError> {
        let Some(kept) = &state.post_start else {
            return Ok(Scripts::default());
        };
        let Some(key) = self.vault.key(user).await? else {
            return Ok(Scripts::default());
        };
        let text = self
            .vault
            .open(user, &key, POST_START, &kept.digest)
            .await?;
        let post_start = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Scripts { post_start })
    }

    /// A user who is registered and not erased, if `identity` may see them.
    pub(crate) fn user_state(&self, identity: &Identity, user: UserId) -> Result<User, QueryError> {
        let none = || QueryError::not_found("user", user);
        if !identity.may_see(user) {
            return Err(none());
        }
        let record = self
            .database
            .read(|connection| projections::user(connection, user))?;
        let state = record.ok_or_else(none)?.state;
        match state.profile {
            Some(_) => Ok(state),
            None => Err(none()),
        }
    }
}

/// Names, digests and times.
pub(crate) fn credentials_view(state: &User, sequence: u64) -> CredentialsView {
    let mut view = CredentialsView {
        sequence,
        ..CredentialsView::default()
    };
    for (name, kept) in &state.credentials {
        let (list, name) = match name {
            CredentialName::Variable(name) => (&mut view.env, name),
            CredentialName::File(path) => (&mut view.files, path),
        };
        let shown = CredentialView {
            digest: kept.digest.clone(),
            changed_at: kept.changed_at,
        };
        list.insert(name.clone(), shown);
    }
    view
}
