//! Users' credentials and scripts: sealed under their user's key, kept by digest, apart from the
//! log.
//!
//! A value is put here first and comes into force by the event that names its digest, so a crash
//! between the two leaves a value nobody asks for, and two writers at once are told apart by the
//! log. Erasing a user drops their key, and with it every value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use nexus_events::id::UserId;
use nexus_events::user::Sealed;
use nexus_nats::{CallError, UserValues};

use crate::sealing::{Sealer, SealingError, UserKey};

/// The largest value, in bytes: sealed and in base64 it must fit a message of the bucket.
pub const MOST_BYTES: usize = 32 << 10;
/// The most bytes all credentials of a user have together: they go to an init in one frame.
pub const MOST_BYTES_TOGETHER: usize = 160 << 10;

type Values = HashMap<(UserId, String), Bytes>;

/// Where sealed values are kept.
#[derive(Debug, Clone)]
pub enum ValueStore {
    /// On the bus.
    Bus(UserValues),
    /// In memory beside a log in memory.
    Memory(Arc<Mutex<Values>>),
}

impl ValueStore {
    /// An empty one in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    async fn put(&self, user: UserId, digest: &str, sealed: Bytes) -> Result<(), CallError> {
        match self {
            Self::Bus(values) => values.put(user, digest, sealed).await,
            Self::Memory(values) => {
                lock(values).insert((user, digest.to_owned()), sealed);
                Ok(())
            }
        }
    }

    pub(crate) async fn get(&self, user: UserId, digest: &str) -> Result<Option<Bytes>, CallError> {
        match self {
            Self::Bus(values) => values.get(user, digest).await,
            Self::Memory(values) => Ok(lock(values).get(&(user, digest.to_owned())).cloned()),
        }
    }

    async fn forget(&self, user: UserId, digest: &str) -> Result<(), CallError> {
        match self {
            Self::Bus(values) => values.forget(user, digest).await,
            Self::Memory(values) => {
                lock(values).remove(&(user, digest.to_owned()));
                Ok(())
            }
        }
    }
}

fn lock(values: &Mutex<Values>) -> MutexGuard<'_, Values> {
    values.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seals, keeps and opens values. Clones share the store.
#[derive(Debug, Clone)]
pub struct Vault {
    sealer: Sealer,
    store: ValueStore,
}

impl Vault {
    pub(crate) const fn new(sealer: Sealer, store: ValueStore) -> Self {
        Self { sealer, store }
    }

    /// The key of `user`; `None` when they were erased.
    ///
    /// # Errors
    /// See [`SealingError`].
    pub(crate) async fn key(&self, user: UserId) -> Result<Option<UserKey>, SealingError> {
        self.sealer.key(user).await
    }

    /// Keeps `text`, which is the user's `field`, and gives its digest.
    ///
    /// # Errors
    /// See [`SealingError`].
    pub(crate) async fn keep(
        &self,
        user: UserId,
        field: &str,
        text: &str,
    ) -> Result<String, SealingError> {
        let key = self.sealer.key_or_new(user).await?;
        let digest = key.digest(field, text);
        let sealed = key.seal(field, text)?;
        self.store.put(user, &digest, sealed.0.into()).await?;
        Ok(digest)
    }

    /// The text kept under `digest`; `None` when it is gone, or not the `field` of `key`'s user.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn open(
        &self,
        user: UserId,
        key: &UserKey,
        field: &str,
        digest: &str,
    ) -> Result<Option<String>, SealingError> {
        let sealed = self.store.get(user, digest).await?;
        let sealed = sealed.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        Ok(sealed.and_then(|text| key.unseal(field, &Sealed(text))))
    }

    /// Forgets values that are not in force any more. One that cannot be reached now stays sealed
    /// and is asked for by nobody.
    pub(crate) async fn forget(&self, user: UserId, digests: impl IntoIterator<Item = String>) {
        for digest in digests {
            if let Err(error) = self.store.forget(user, &digest).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %user, "a value stays");
            }
        }
    }
}
