//! Personal fields, readable only while their user's key exists.
//!
//! ```text
//!  master.key (0600, in the home) ─ wraps ─► a random key per user (in the key store)
//!                                             └ seals ─► login, account number, public keys (in the log)
//! ```
//!
//! AES-256-GCM with a random nonce in front; the user and the field's name are authenticated
//! along, so that no sealed value can be passed off as another. Erasing a user drops their key:
//! the log stays as it is and says nothing any more. Credentials are sealed the same way and kept
//! in the vault, not in the log.

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_events::id::UserId;
use nexus_events::user::Sealed;
use nexus_nats::CallError;

use crate::key_store::KeyStore;

const KEY: usize = 32;
const NONCE: usize = 12;

/// Why something cannot be sealed or unsealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The master key cannot be read or made.
    #[error("{attempt} the master key {path}")]
    Master {
        /// What was attempted.
        attempt: &'static str,
        /// Where it is kept.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("drawing random numbers")]
    Random,
    /// The key store did not answer.
    #[error("reaching the keys of users")]
    Store(#[from] CallError),
    /// The user's key was dropped, or sealed by another master key.
    #[error("the user's key cannot be read: was master.key replaced?")]
    Unreadable,
}

/// Seals and unseals. Clones share the key.
#[derive(Clone)]
pub struct Sealer {
    master: std::sync::Arc<Secret>,
    store: KeyStore,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// Key material; it is never printed.
struct Secret([u8; KEY]);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0 = std::hint::black_box([0; KEY]);
    }
}

/// The key of one user.
pub struct UserKey {
    user: UserId,
    secret: Secret,
}

impl std::fmt::Debug for UserKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserKey")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// With the master key in `file`, which is made (0600) when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or made, or is of the wrong length.
    pub fn open(file: &Path, store: KeyStore) -> Result<Self, SealingError> {
        let failed = |attempt| {
            move |source| SealingError::Master {
                attempt,
                path: file.to_owned(),
                source,
            }
        };
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Another replica may have been first: then its key counts.
                crate::private_file::write_first(file, &random()?).map_err(failed("making"))?;
                std::fs::read(file).map_err(failed("reading"))?
            }
            Err(error) => return Err(failed("reading")(error)),
        };
        let secret = bytes.try_into().map_err(|bytes: Vec<u8>| {
            let cause = format!("{} bytes instead of {KEY}", bytes.len());
            failed("reading")(std::io::Error::new(std::io::ErrorKind::InvalidData, cause))
        })?;
        Ok(Self {
            master: std::sync::Arc::new(Secret(secret)),
            store,
        })
    }

    /// The id of whoever has this GitHub account: always the same, and telling nobody the number.
    pub fn user_id(&self, github_id: u64) -> UserId {
        UserId::derived(self.digest(&format!("github:{github_id}")))
    }

    /// A digest of `text` nobody without the master key can make, in hexadecimal.
    pub fn digest(&self, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.master.0);
        hexadecimal(hmac::sign(&key, text.as_bytes()).as_ref())
    }

    /// Seals what a ticket for `purpose` says. Every replica has the master key, so every one of
    /// them reads it.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn seal_ticket(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealingError> {
        seal(&self.master, &format!("ticket:{purpose}"), plain)
    }

    /// What a ticket for `purpose` says; `None` when it is none of ours.
    pub(crate) fn unseal_ticket(&self, purpose: &str, sealed: Vec<u8>) -> Option<Vec<u8>> {
        unseal(&self.master, &format!("ticket:{purpose}"), sealed)
    }

    /// The user's key; `None` when there is none (any more).
    ///
    /// # Errors
    /// When the store does not answer, or the key was wrapped by another master key.
    pub async fn key(&self, user: UserId) -> Result<Option<UserKey>, SealingError> {
        let Some(wrapped) = self.store.get(user).await? else {
            return Ok(None);
        };
        let secret = unseal(&self.master, &format!("key:{user}"), wrapped.to_vec())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(SealingError::Unreadable)?;
        Ok(Some(UserKey {
            user,
            secret: Secret(secret),
        }))
    }

    /// The user's key, made when there is none yet. Two at once get the same one.
    ///
    /// # Errors
    /// As [`Sealer::key`]; also when the key was dropped, which is for good.
    pub async fn key_or_new(&self, user: UserId) -> Result<UserKey, SealingError> {
        if let Some(key) = self.key(user).await? {
            return Ok(key);
        }
        let wrapped = seal(&self.master, &format!("key:{user}"), &random()?)?;
        self.store.create(user, wrapped.into()).await?;
        self.key(user).await?.ok_or(SealingError::Unreadable)
    }

    /// Drops the user's key: what is sealed under it is lost for good.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget(&self, user: UserId) -> Result<(), SealingError> {
        Ok(self.store.forget(user).await?)
    }
}

impl UserKey {
    /// Seals `text`, which is the user's `field`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, field: &str, text: &str) -> Result<Sealed, SealingError> {
        let bytes = seal(&self.secret, &self.context(field), text.as_bytes())?;
        Ok(Sealed(STANDARD.encode(bytes)))
    }

    /// What `sealed` says; `None` when it is not this user's `field` under this key.
    pub fn unseal(&self, field: &str, sealed: &Sealed) -> Option<String> {
        let bytes = STANDARD.decode(&sealed.0).ok()?;
        String::from_utf8(unseal(&self.secret, &self.context(field), bytes)?).ok()
    }

    /// A digest of `text`, which is the user's `field`, that nobody without the key can make; in
    /// hexadecimal. It dies with the key.
    pub fn digest(&self, field: &str, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret.0);
        let mut signing = hmac::Context::with_key(&key);
        let context = self.context(field);
        for part in [context.as_str(), "\0", text] {
            signing.update(part.as_bytes());
        }
        hexadecimal(signing.sign().as_ref())
    }

    fn context(&self, field: &str) -> String {
        format!("{}:{field}", self.user)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random() -> Result<[u8; KEY], SealingError> {
    let mut bytes = [0; KEY];
    rand::fill(&mut bytes).map_err(|_| SealingError::Random)?;
    Ok(bytes)
}

fn cipher(secret: &Secret) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, &secret.0).expect("the key has the cipher's length")
}

fn seal(secret: &Secret, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealingError> {
    let mut sealed = plain.to_vec();
    let nonce = cipher(secret)
        .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut sealed)
        .map_err(|_| SealingError::Random)?;
    Ok([nonce.as_ref().as_slice(), &sealed].concat())
}

fn unseal(secret: &Secret, context: &str, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let mut rest = sealed.split_off_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(&sealed).ok()?;
    let plain = cipher(secret)
        .open_in_place(nonce, Aad::from(context.as_bytes()), &mut rest)
        .ok()?;
    Some(plain.to_vec())
}

/// `Vec::split_off` that does not panic on a short vector.
trait SplitOff: Sized {
    fn split_off_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitOff for Vec<u8> {
    fn split_off_checked(&mut self, at: usize) -> Option<Self> {
        (self.len() >= at).then(|| self.split_off(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sealer(folder: &Path) -> Sealer {
        Sealer::open(&folder.join("master.key"), KeyStore::memory()).unwrap()
    }

    #[tokio::test]
    async fn what_is_sealed_comes_back_only_as_the_same_field_of_the_same_user() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path()).await;
        let (ada, bob) = (sealer.user_id(1), sealer.user_id(2));
        let key = sealer.key_or_new(ada).await.unwrap();
        let sealed = key.seal("github_login", "ada").unwrap();
        assert!(!sealed.0.contains("ada"));
        assert_eq!(key.unseal("github_login", &sealed).as_deref(), Some("ada"));
        assert_eq!(key.unseal("github_id", &sealed), None);
        let other = sealer.key_or_new(bob).await.unwrap();
        assert_eq!(other.unseal("github_login", &sealed), None);
    }

    #[tokio::test]
    async fn the_key_is_made_once_and_gone_once_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path()).await;
        let ada = sealer.user_id(1);
        let sealed = sealer
            .key_or_new(ada)
            .await
            .unwrap()
            .seal("f", "x")
            .unwrap();
        let again = sealer.key_or_new(ada).await.unwrap();
        assert_eq!(again.unseal("f", &sealed).as_deref(), Some("x"));
        sealer.forget(ada).await.unwrap();
        assert!(sealer.key(ada).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_same_account_is_the_same_user_and_the_master_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let first = sealer(folder.path()).await;
        let again = sealer(folder.path()).await;
        assert_eq!(first.user_id(7), again.user_id(7));
        assert_ne!(first.user_id(7), first.user_id(8));
        let mode = std::fs::metadata(folder.path().join("master.key"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
