//! The key each user's personal data is sealed with, kept beside the log and never in it.
//!
//! Events are for ever; what is sealed in them is readable for as long as its key is here.
//! Forgetting the key erases the person from the log without changing an event.

use bytes::Bytes;
use nexus_events::id::UserId;

use crate::bucket::Bucket;
use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::USER_KEYS;

/// Beside the users' keys: the fingerprints of those they are wrapped by. No user is called so.
const OF_THIS_LOG: &str = "keys-of-this-log";

/// The keys of all users. Clones share the connection.
#[derive(Debug, Clone)]
pub struct UserKeys {
    bucket: Bucket,
}

impl UserKeys {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self {
            bucket: Bucket::new(bus.clone(), USER_KEYS, "KV_nexus_user_keys"),
        }
    }

    /// Keeps a user's first key; `false` when there is, or was, one: that one stays.
    ///
    /// # Errors
    /// When the server does not answer: try again, or [`UserKeys::get`] it.
    pub async fn create(&self, user: UserId, key: Bytes) -> Result<bool, CallError> {
        self.bucket.create(&user.to_string(), key).await
    }

    /// Keeps a user's key in place of any other.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn put(&self, user: UserId, key: Bytes) -> Result<(), CallError> {
        self.bucket.put(&user.to_string(), key).await.map(drop)
    }

    /// A user's key; `None` when it was never kept, or is forgotten.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn get(&self, user: UserId) -> Result<Option<Bytes>, CallError> {
        self.bucket.get(&user.to_string()).await
    }

    /// The fingerprints of the keys this log is used with: `ours`, when there are none yet. Of any
    /// number that try at once, all are told the same.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn keys_of_this_log(&self, ours: Bytes) -> Result<Bytes, CallError> {
        self.bucket.create(OF_THIS_LOG, ours.clone()).await?;
        let known = self.bucket.get(OF_THIS_LOG).await?;
        Ok(known.unwrap_or(ours))
    }

    /// Keeps these fingerprints in place of others.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn replace_keys_of_this_log(&self, ours: Bytes) -> Result<(), CallError> {
        self.bucket.put(OF_THIS_LOG, ours).await.map(drop)
    }

    /// Forgets a user's key for good: what is sealed with it can never be read again.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn forget(&self, user: UserId) -> Result<(), CallError> {
        self.bucket.purge(&user.to_string()).await
    }
}
