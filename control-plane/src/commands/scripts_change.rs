//! Change scripts: what runs in a user's workspaces after a start. Arguments may hold anything, so
//! they go the way of credentials: into the vault, and only their digest into the log.

use nexus_events::id::UserId;
use nexus_events::user::UserCommand;
use nexus_events::view::Scripts;

use super::credentials_change::no_longer_in_force;
use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::POST_START;
use crate::vault;

impl Commands {
    /// Sets a user's scripts; one that is absent is removed.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn change_scripts(
        &self,
        identity: &Identity,
        user: UserId,
        scripts: Scripts,
        context: &RequestContext,
    ) -> Result<Written<Scripts>, CommandError> {
        check(&scripts)?;
        let _alone = self.changing_values.lock().await;
        let before = self.queries.user_state(identity, user)?;
        let post_start = match &scripts.post_start {
            Some(argv) => {
                let text = serde_json::to_string(argv)
                    .map_err(|error| CommandError::Inside(error.into()))?;
                Some(self.queries.vault.keep(user, POST_START, &text).await?)
            }
            None => None,
        };
        let at = context.now;
        let command = UserCommand::ChangeScripts { post_start, at };
        let event = context.new_event(identity);
        let after = self.on_user(user, &command, event).await?.snapshot;
        let gone = no_longer_in_force(&before, &after.state);
        self.queries.vault.forget(user, gone).await;
        Ok(Written {
            value: scripts,
            sequence: after.sequence,
        })
    }
}

fn check(scripts: &Scripts) -> Result<(), CommandError> {
    let Some(argv) = &scripts.post_start else {
        return Ok(());
    };
    let refuse = |cause: &str| Err(CommandError::field("post_start", cause));
    if argv.first().is_none_or(String::is_empty) {
        return refuse("name a program, then its arguments");
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return refuse("an argument cannot hold a zero byte");
    }
    let bytes: usize = argv.iter().map(|argument| 2 * argument.len() + 3).sum();
    if bytes > vault::MOST_BYTES {
        return refuse("it is too long");
    }
    Ok(())
}
