//! Whether this server may and can make what is asked for, before anything is claimed.

use nexus_events::id::UserId;
use nexus_events::problem::FieldError;
use nexus_events::spec::{Provider, WorkspaceSpec};

use super::{CommandError, Commands};
use crate::identity::Identity;
use crate::projections;
use crate::queries::{QueryError, online_providers};
use crate::room::LEAST_FREE_BYTES;

impl Commands {
    /// Whose it is to be: `named` (an id or a login), or whoever asks.
    pub(super) fn owner(
        &self,
        identity: &Identity,
        named: Option<&str>,
    ) -> Result<UserId, CommandError> {
        let owner = match named {
            None => identity.user().ok_or_else(|| {
                CommandError::field("owner", "the operator is no user: name the owner")
            })?,
            Some(text) => self
                .queries
                .user_named(text)?
                .filter(|user| identity.may_see(*user))
                .ok_or_else(|| QueryError::not_found("user", text))?,
        };
        let known = self
            .queries
            .database
            .read(|connection| projections::user(connection, owner))?;
        match known {
            Some(record) if record.state.profile.is_some() => Ok(owner),
            // Registered a moment ago, and not projected yet.
            None if self.queries.directory.person(owner).is_some() => Ok(owner),
            Some(_) | None => Err(QueryError::not_found("user", owner).into()),
        }
    }

    /// The specification, once everything in it is allowed, a worker drives its provider, and
    /// there is room for what will be recorded.
    pub(super) fn admitted(&self, spec: WorkspaceSpec) -> Result<WorkspaceSpec, CommandError> {
        let mut errors = Vec::new();
        if let Some(repository) = &spec.repository
            && let Err(cause) = repository.url.allowed_by(&self.queries.settings.sources)
        {
            errors.push(FieldError {
                field: "repository.url".into(),
                cause,
            });
        }
        let spec = match spec.validated() {
            Ok(spec) if errors.is_empty() => spec,
            Ok(_) => return Err(CommandError::invalid(errors)),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(FieldError::from));
                return Err(CommandError::invalid(errors));
            }
        };
        self.has_worker(spec.provider)?;
        self.has_room(LEAST_FREE_BYTES)?;
        Ok(spec)
    }

    fn has_worker(&self, wanted: Provider) -> Result<(), CommandError> {
        let online = self.queries.database.read(online_providers)?;
        if online.contains(&wanted) {
            return Ok(());
        }
        let words: Vec<_> = online.into_iter().map(Provider::as_str).collect();
        let online = if words.is_empty() {
            "none".into()
        } else {
            words.join(", ")
        };
        Err(CommandError::NoWorker { wanted, online })
    }

    /// Docker where a worker drives it, else whichever needs nothing.
    pub(crate) fn preferred_provider(&self) -> Result<Provider, CommandError> {
        let online = self.queries.database.read(online_providers)?;
        let preferred = [Provider::Docker, Provider::Process];
        let first = preferred
            .into_iter()
            .find(|provider| online.contains(provider));
        Ok(first
            .or_else(|| online.first().copied())
            .unwrap_or(Provider::Process))
    }
}
