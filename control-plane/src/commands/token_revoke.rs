//! Revoke token: it lets nobody in from now on.

use nexus_events::id::TokenId;
use nexus_events::user::UserCommand;

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::QueryError;

impl Commands {
    /// Revokes a token.
    ///
    /// # Errors
    /// See [`CommandError`]; one of somebody else's is not found.
    pub async fn revoke_token(
        &self,
        identity: &Identity,
        id: TokenId,
        context: &RequestContext,
    ) -> Result<Written<()>, CommandError> {
        let tokens = self.queries.tokens(identity)?;
        let token = tokens
            .items
            .iter()
            .find(|token| token.id == id)
            .ok_or_else(|| QueryError::not_found("token", id))?;
        let command = UserCommand::RevokeToken {
            id,
            at: context.now,
        };
        let outcome = self
            .on_user(token.user, &command, context.new_event(identity))
            .await?;
        Ok(Written {
            value: (),
            sequence: outcome.snapshot.sequence,
        })
    }
}
