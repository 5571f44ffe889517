//! Who is who, readable: logins and public keys, in memory only.
//!
//! The read model keeps them sealed. Here they are unsealed when the server starts and whenever a
//! user changes, and forgotten when a user is erased.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use nexus_events::id::UserId;
use nexus_events::user::User;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::projections::database::Database;
use crate::projections::{self, ProjectionError};
use crate::sealing::{Sealer, SealingError, UserKey};

/// The sealed field that holds a login.
pub(crate) const LOGIN: &str = "github_login";
/// The sealed field that holds an account's number.
pub(crate) const ACCOUNT: &str = "github_id";

/// The sealed field that holds a public key.
pub(crate) fn key_field(fingerprint: &str) -> String {
    format!("key:{fingerprint}")
}

/// What is readable of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The GitHub login.
    pub login: Option<String>,
    /// Public SSH keys, one line each, by fingerprint.
    pub keys: BTreeMap<String, String>,
    /// Fingerprints of keys with a certificate, and when that ends.
    pub certified: BTreeMap<String, Timestamp>,
}

/// All users as far as they are readable. Clones share them.
#[derive(Debug, Clone)]
pub struct Directory {
    people: Arc<RwLock<HashMap<UserId, Person>>>,
    database: Database,
    sealer: Sealer,
}

/// Why a user cannot be made readable.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The read model failed.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The user's key failed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

impl Directory {
    pub(crate) fn new(database: Database, sealer: Sealer) -> Self {
        Self {
            people: Arc::default(),
            database,
            sealer,
        }
    }

    /// What is known of a user.
    pub fn person(&self, user: UserId) -> Option<Person> {
        self.people().get(&user).cloned()
    }

    /// A user's login.
    pub fn login(&self, user: UserId) -> Option<String> {
        self.people()
            .get(&user)
            .and_then(|person| person.login.clone())
    }

    /// Whoever has this login, whatever its case.
    pub fn by_login(&self, login: &str) -> Option<UserId> {
        let people = self.people();
        let same = |person: &Person| {
            person
                .login
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(login))
        };
        people
            .iter()
            .find(|(_, person)| same(person))
            .map(|(user, _)| *user)
    }

    /// Whoever the key with this fingerprint belongs to; nobody, should two have it.
    pub(crate) fn by_key(&self, fingerprint: &str) -> Option<UserId> {
        let people = self.people();
        let mut holders = people
            .iter()
            .filter(|(_, person)| person.keys.contains_key(fingerprint))
            .map(|(user, _)| *user);
        match (holders.next(), holders.next()) {
            (Some(user), None) => Some(user),
            (Some(_), Some(_)) | (None, _) => None,
        }
    }

    /// Whether the key with this fingerprint is somebody's, registered or certified.
    pub(crate) fn has_key(&self, fingerprint: &str, now: Timestamp) -> bool {
        self.people().values().any(|person| {
            let certified = person.certified.get(fingerprint);
            person.keys.contains_key(fingerprint) || certified.is_some_and(|until| *until > now)
        })
    }

    /// Anybody but `user` who has the key with this fingerprint.
    pub(crate) fn other_holder(&self, user: UserId, fingerprint: &str) -> Option<UserId> {
        self.people()
            .iter()
            .find(|(other, person)| **other != user && person.keys.contains_key(fingerprint))
            .map(|(other, _)| *other)
    }

    /// The public keys of a user; read now when they are not known yet.
    pub(crate) async fn authorized_keys(&self, user: UserId) -> Vec<String> {
        if self.person(user).is_none()
            && let Err(error) = self.refresh(user).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, %user, "keys are not known");
        }
        self.person(user)
            .unwrap_or_default()
            .keys
            .into_values()
            .collect()
    }

    /// Puts a user in as they were just written, before the read model has them.
    pub(crate) fn note(&self, user: UserId, state: &User, key: &UserKey) {
        let person = readable(state, key);
        self.people
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(user, person);
    }

    /// Forgets a user.
    pub(crate) fn forget(&self, user: UserId) {
        self.people
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&user);
    }

    /// Makes every known user readable.
    pub(crate) async fn load(&self) -> Result<(), DirectoryError> {
        let users = self.database.read(crate::queries::user_ids)?;
        for user in users {
            self.refresh(user).await?;
        }
        Ok(())
    }

    /// Reads a user again.
    pub(crate) async fn refresh(&self, user: UserId) -> Result<(), DirectoryError> {
        let record = self
            .database
            .read(|connection| projections::user(connection, user))?;
        match (record, self.sealer.key(user).await?) {
            (Some(record), Some(key)) if !record.state.erased => {
                self.note(user, &record.state, &key);
            }
            (Some(record), None) if !record.state.erased => {
                // The key was dropped and the event is still to come.
                self.forget(user);
            }
            (Some(_), _) => self.forget(user),
            (None, _) => {}
        }
        Ok(())
    }

    /// Reads users again as they change, until told to stop.
    pub(crate) async fn follow(
        self,
        mut changed: mpsc::UnboundedReceiver<UserId>,
        stop: CancellationToken,
    ) {
        loop {
            let user = tokio::select! {
                () = stop.cancelled() => return,
                user = changed.recv() => user,
            };
            let Some(user) = user else { return };
            let mut pause = Duration::from_millis(100);
            while let Err(error) = self.refresh(user).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %user, "reading again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(10)),
                }
            }
        }
    }

    fn people(&self) -> std::sync::RwLockReadGuard<'_, HashMap<UserId, Person>> {
        self.people.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn readable(state: &User, key: &UserKey) -> Person {
    let login = state
        .profile
        .as_ref()
        .and_then(|profile| key.unseal(LOGIN, &profile.github_login));
    let keys = state.keys.iter().filter_map(|(fingerprint, sealed)| {
        Some((
            fingerprint.clone(),
            key.unseal(&key_field(fingerprint), sealed)?,
        ))
    });
    let certified = state.certified.iter();
    let certified = certified.map(|(key, certified)| (key.clone(), certified.valid_before));
    Person {
        login,
        keys: keys.collect(),
        certified: certified.collect(),
    }
}
