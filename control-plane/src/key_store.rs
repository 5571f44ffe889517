//! Where users' wrapped keys are kept: apart from the log, so that one can be dropped for good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use nexus_events::id::UserId;
use nexus_nats::{CallError, UserKeys};

/// The wrapped keys of users.
#[derive(Debug, Clone)]
pub enum KeyStore {
    /// On the bus.
    Bus(UserKeys),
    /// In memory beside a log in memory.
    Memory(Arc<Mutex<Kept>>),
}

/// What is kept in memory.
#[derive(Debug, Default)]
pub struct Kept {
    users: HashMap<UserId, Bytes>,
    /// The fingerprints of the keys the log is used with.
    of_log: Option<Bytes>,
}

impl KeyStore {
    /// An empty one in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// The user's key; `None` when there never was one, or it was dropped.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn get(&self, user: UserId) -> Result<Option<Bytes>, CallError> {
        match self {
            Self::Bus(keys) => keys.get(user).await,
            Self::Memory(keys) => Ok(lock(keys).users.get(&user).cloned()),
        }
    }

    /// Keeps the user's first key; `false` when there is one already, which stays.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn create(&self, user: UserId, key: Bytes) -> Result<bool, CallError> {
        match self {
            Self::Bus(keys) => keys.create(user, key).await,
            Self::Memory(keys) => {
                let mut keys = lock(keys);
                let new = !keys.users.contains_key(&user);
                if new {
                    keys.users.insert(user, key);
                }
                Ok(new)
            }
        }
    }

    /// The fingerprints of the keys the log is used with: `ours`, when there are none yet.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub(crate) async fn keys_of_this_log(&self, ours: Bytes) -> Result<Bytes, CallError> {
        match self {
            Self::Bus(keys) => keys.keys_of_this_log(ours).await,
            Self::Memory(keys) => Ok(lock(keys).of_log.get_or_insert(ours).clone()),
        }
    }

    /// Keeps these fingerprints in place of others.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub(crate) async fn replace_keys_of_this_log(&self, ours: Bytes) -> Result<(), CallError> {
        match self {
            Self::Bus(keys) => keys.replace_keys_of_this_log(ours).await,
            Self::Memory(keys) => {
                lock(keys).of_log = Some(ours);
                Ok(())
            }
        }
    }

    /// Drops the user's key for good.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn forget(&self, user: UserId) -> Result<(), CallError> {
        match self {
            Self::Bus(keys) => keys.forget(user).await,
            Self::Memory(keys) => {
                lock(keys).users.remove(&user);
                Ok(())
            }
        }
    }
}

fn lock(keys: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
}
