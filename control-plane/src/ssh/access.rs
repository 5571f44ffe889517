//! What the init of a workspace has to know: who may log in, and its owner's credentials.
//!
//! A [`Plan`] is read from the read model alone and tells by its versions whether anything is to
//! be said; only then are keys unsealed and the documents made.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use nexus_events::id::{NodeId, UserId, WorkspaceId};
use nexus_events::user::{CredentialName, Sealed, User};
use nexus_events::workspace::{Phase, Workspace};
use nexus_init_protocol::{Access, Credentials, SecretText};
use russh::keys::PublicKey;

use super::Authorities;
use super::authority::{AuthorityError, host_certificate_period};
use crate::directory::key_field;
use crate::projections;
use crate::queries::{Queries, QueryError, credential_field};
use crate::sealing::SealingError;

/// Makes documents for inits. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) queries: Queries,
    pub(super) authorities: Authorities,
}

/// Why a document cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The read model failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The user's keys or values cannot be had.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The host certificate was not signed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// One workspace with a machine, as the read model has it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) workspace: WorkspaceId,
    pub(super) node: NodeId,
    pub(super) owner: UserId,
    pub(super) phase: Phase,
    /// Grows with every operation, so a start is told from the one before.
    pub(super) epoch: u64,
    /// The documents' revision: everything up to this event is in them.
    sequence: u64,
    host_key: Option<String>,
    host_names: Vec<String>,
    user: User,
    pub(super) versions: Versions,
}

/// Tell one document from another without making either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) access: u64,
    pub(super) credentials: u64,
}

impl Source {
    /// What is to be said to a workspace; `None` while it has no machine.
    pub(super) fn plan(
        &self,
        workspace: WorkspaceId,
        now: Timestamp,
    ) -> Result<Option<Plan>, QueryError> {
        // First, so that nothing in the documents is older than the revision says.
        let sequence = self.queries.sequence();
        self.queries.database.read(|connection| {
            let Some(record) = projections::workspace(connection, workspace)? else {
                return Ok(None);
            };
            let state = record.state;
            let (Some(definition), Some(machine), Some(node)) =
                (&state.definition, &state.machine, state.node)
            else {
                return Ok(None);
            };
            let user = projections::user(connection, definition.owner)?;
            let user = user.map(|record| record.state).unwrap_or_default();
            let profile = projections::node(connection, node)?.and_then(|node| node.state.profile);
            let node_name = profile.map(|profile| profile.hostname);
            let mut plan = Plan {
                workspace,
                node,
                owner: definition.owner,
                phase: state.phase,
                epoch: state.epoch,
                sequence,
                host_key: machine.host_key.clone(),
                host_names: self.host_names(workspace, &state, node_name),
                user,
                versions: Versions {
                    access: 0,
                    credentials: 0,
                },
            };
            plan.versions = plan.versions_of(&state, now);
            Ok(Some(plan))
        })
    }

    /// By what names people reach it.
    fn host_names(
        &self,
        workspace: WorkspaceId,
        state: &Workspace,
        node_name: Option<String>,
    ) -> Vec<String> {
        let mut names = vec![workspace.to_string(), format!("{workspace}.nexus")];
        if let Some(definition) = &state.definition {
            names.push(definition.name.to_string());
            names.push(format!("{}.nexus", definition.name));
        }
        names.push(self.queries.settings.public_host.clone());
        names.extend(node_name);
        names.extend(["127.0.0.1", "localhost"].map(str::to_owned));
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
        names
    }

    /// Who may log in.
    pub(super) async fn access(&self, plan: &Plan, now: Timestamp) -> Result<Access, SourceError> {
        let key = self.queries.vault.key(plan.owner).await?;
        let unseal = |(fingerprint, sealed): (&String, &Sealed)| {
            key.as_ref()?.unseal(&key_field(fingerprint), sealed)
        };
        let is_there = plan.user.profile.is_some();
        Ok(Access {
            revision: plan.sequence,
            authorized_keys: plan.user.keys.iter().filter_map(unseal).collect(),
            // Nobody vouches for who was erased.
            user_authorities: is_there
                .then(|| self.authorities.user_authority())
                .into_iter()
                .collect(),
            principals: vec![plan.workspace.to_string()],
            refused_keys: plan.user.refused_at(now).cloned().collect(),
            host_certificate: self.host_certificate(plan, now)?,
            allow_agent_forwarding: true,
        })
    }

    fn host_certificate(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Option<String>, AuthorityError> {
        let Some(line) = &plan.host_key else {
            return Ok(None);
        };
        let key = PublicKey::from_openssh(line)?;
        let id = plan.workspace.to_string();
        let names = &plan.host_names;
        let certificate = self.authorities.certify_host(&key, &id, names, now)?;
        Ok(Some(certificate.to_openssh()?))
    }

    /// The owner's credentials; one whose value is gone is left out.
    pub(super) async fn credentials(&self, plan: &Plan) -> Result<Credentials, SourceError> {
        let mut credentials = Credentials {
            revision: plan.sequence,
            env: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let vault = &self.queries.vault;
        let Some(key) = vault.key(plan.owner).await? else {
            return Ok(credentials);
        };
        for (name, kept) in &plan.user.credentials {
            let field = credential_field(name);
            let value = vault.open(plan.owner, &key, &field, &kept.digest).await?;
            let Some(value) = value.map(SecretText::new) else {
                tracing::warn!(user = %plan.owner, %name, "the value of a credential is gone");
                continue;
            };
            match name {
                CredentialName::Variable(name) => credentials.env.insert(name.clone(), value),
                CredentialName::File(path) => credentials.files.insert(path.clone(), value),
            };
        }
        Ok(credentials)
    }

    /// What the owner wants run after a start: a program and its arguments.
    pub(super) async fn post_start(&self, plan: &Plan) -> Result<Option<Vec<String>>, SourceError> {
        let scripts = self.queries.scripts_of(plan.owner, &plan.user).await?;
        Ok(scripts.post_start)
    }
}

impl Plan {
    /// Whether the owner wants something run after a start.
    pub(super) fn has_script(&self) -> bool {
        self.user.post_start.is_some()
    }

    /// The machine is part of both: another one knows nothing yet.
    fn versions_of(&self, state: &Workspace, now: Timestamp) -> Versions {
        let mut access = DefaultHasher::new();
        let handle = state.machine.as_ref().map(|machine| &machine.handle);
        (state.epoch, handle).hash(&mut access);
        let mut credentials = access.clone();
        (&self.host_key, &self.host_names).hash(&mut access);
        self.user.profile.is_some().hash(&mut access);
        for fingerprint in self.user.keys.keys() {
            fingerprint.hash(&mut access);
        }
        for fingerprint in self.user.refused_at(now) {
            ("refused", fingerprint).hash(&mut access);
        }
        host_certificate_period(now).hash(&mut access);
        for (name, kept) in &self.user.credentials {
            (name, &kept.digest).hash(&mut credentials);
        }
        Versions {
            access: access.finish(),
            credentials: credentials.finish(),
        }
    }
}
