//! Change credentials: values go into the vault, their names and digests into the log.

use std::collections::{BTreeMap, BTreeSet};

use nexus_events::id::UserId;
use nexus_events::name::InvalidName;
use nexus_events::problem::FieldError;
use nexus_events::user::{CredentialName, User, UserCommand};
use nexus_events::view::{CredentialsChange, CredentialsView};

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::{credential_field, credentials_view};
use crate::vault;

/// What is asked, checked: a value to set, or nothing to remove it.
type Wanted = BTreeMap<CredentialName, Option<String>>;

impl Commands {
    /// Sets and removes credentials of a user; what is not named stays.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn change_credentials(
        &self,
        identity: &Identity,
        user: UserId,
        change: CredentialsChange,
        context: &RequestContext,
    ) -> Result<Written<CredentialsView>, CommandError> {
        let wanted = checked(change)?;
        let _alone = self.changing_values.lock().await;
        let before = self.queries.user_state(identity, user)?;
        self.check_together(user, &before, &wanted).await?;
        let mut set = BTreeMap::new();
        let mut removed = BTreeSet::new();
        for (name, value) in wanted {
            let Some(value) = value else {
                removed.insert(name);
                continue;
            };
            let field = credential_field(&name);
            let digest = self.queries.vault.keep(user, &field, &value).await?;
            set.insert(name, digest);
        }
        let at = context.now;
        let command = UserCommand::ChangeCredentials { set, removed, at };
        let event = context.new_event(identity);
        let after = self.on_user(user, &command, event).await?.snapshot;
        let gone = no_longer_in_force(&before, &after.state);
        self.queries.vault.forget(user, gone).await;
        Ok(Written {
            value: credentials_view(&after.state, after.sequence),
            sequence: after.sequence,
        })
    }
}

impl Commands {
    /// What would be in force has to fit into one message to an init.
    async fn check_together(
        &self,
        user: UserId,
        before: &User,
        wanted: &Wanted,
    ) -> Result<(), CommandError> {
        let new = wanted.values().flatten().map(String::len);
        let mut together: usize = new.sum();
        let key = self.queries.vault.key(user).await?;
        for (name, kept) in &before.credentials {
            let (Some(key), false) = (&key, wanted.contains_key(name)) else {
                continue;
            };
            let field = credential_field(name);
            let vault = &self.queries.vault;
            let value = vault.open(user, key, &field, &kept.digest).await?;
            together += value.map_or(0, |value| value.len());
        }
        if together > vault::MOST_BYTES_TOGETHER {
            let most = vault::MOST_BYTES_TOGETHER;
            let cause = format!("{together} bytes together, and {most} at most");
            return Err(CommandError::field("credentials", cause));
        }
        Ok(())
    }
}

/// Digests `before` names and `after` does not.
pub(super) fn no_longer_in_force(before: &User, after: &User) -> Vec<String> {
    let named = |user: &User| {
        let credentials = user.credentials.values().chain(&user.post_start);
        credentials
            .map(|kept| kept.digest.clone())
            .collect::<BTreeSet<_>>()
    };
    named(before).difference(&named(after)).cloned().collect()
}

/// Every wrong name and value is told at once.
fn checked(change: CredentialsChange) -> Result<Wanted, CommandError> {
    let mut wanted = Wanted::new();
    let mut errors = Vec::new();
    type Parse = fn(&str) -> Result<CredentialName, InvalidName>;
    let lists: [(&str, _, Parse); 2] = [
        ("env", change.env, CredentialName::variable),
        ("files", change.files, CredentialName::file),
    ];
    for (list, entries, parse) in lists {
        for (name, value) in entries {
            let checked = parse(&name).map_err(|error| error.to_string());
            match checked.and_then(|name| fits(value.as_deref(), list).map(|()| name)) {
                Ok(name) => {
                    wanted.insert(name, value);
                }
                Err(cause) => errors.push(FieldError {
                    field: format!("{list}.{}", name.escape_debug()),
                    cause,
                }),
            }
        }
    }
    if errors.is_empty() {
        Ok(wanted)
    } else {
        Err(CommandError::invalid(errors))
    }
}

fn fits(value: Option<&str>, list: &str) -> Result<(), String> {
    let value = value.unwrap_or_default();
    if value.len() > vault::MOST_BYTES {
        return Err(format!("at most {} bytes", vault::MOST_BYTES));
    }
    if list == "env" && value.contains('\0') {
        return Err("a variable cannot hold a zero byte".to_owned());
    }
    Ok(())
}
