//! Users' secret values (credentials, scripts), sealed before they come here and kept beside the
//! log and never in it.
//!
//! A value is kept under its user and its digest and never changes: an event that names the digest
//! is what puts it in force, so a value whose event never came is harmless.

use bytes::Bytes;
use nexus_events::id::UserId;

use crate::bucket::Bucket;
use crate::call::CallError;
use crate::connect::Bus;
use crate::topology::USER_VALUES;

/// The values of all users. Clones share the connection.
#[derive(Debug, Clone)]
pub struct UserValues {
    bucket: Bucket,
}

impl UserValues {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self {
            bucket: Bucket::new(bus.clone(), USER_VALUES, "KV_nexus_user_values"),
        }
    }

    /// Keeps a sealed value; doing so again is harmless. `digest` is hexadecimal.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn put(&self, user: UserId, digest: &str, sealed: Bytes) -> Result<(), CallError> {
        self.bucket.put(&key(user, digest), sealed).await.map(drop)
    }

    /// A sealed value; `None` when it was never kept, or is forgotten.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn get(&self, user: UserId, digest: &str) -> Result<Option<Bytes>, CallError> {
        self.bucket.get(&key(user, digest)).await
    }

    /// Forgets a value for good.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn forget(&self, user: UserId, digest: &str) -> Result<(), CallError> {
        self.bucket.purge(&key(user, digest)).await
    }
}

fn key(user: UserId, digest: &str) -> String {
    format!("{user}.{digest}")
}
