//! Which keys a log is used with. Replicas of `nexusd` share three things: the log, the master key
//! and the SSH keys. With another master key a replica could read no user and would take the same
//! account for somebody else; with other SSH keys it would vouch for hosts nobody trusts. So the
//! first server on a log leaves its keys' fingerprints beside it, and one with others does not
//! start.

use nexus_nats::CallError;
use serde::{Deserialize, Serialize};

use crate::key_store::KeyStore;
use crate::sealing::Sealer;
use crate::ssh::Authorities;

/// Why a server may not use a log.
#[derive(Debug, thiserror::Error)]
pub enum SharedKeysError {
    /// It has other keys than the servers before it.
    #[error(
        "this log is used with another {}; give this server the keys of one that uses it \
         (`--keys FOLDER`, a copy of its master.key and ssh/), or, if they were replaced on \
         purpose, start once with --replace-keys", .0.join(", another ")
    )]
    Other(Vec<&'static str>),
    /// It cannot be told.
    #[error("reading which keys this log is used with")]
    Store(#[from] CallError),
    /// What is written there makes no sense.
    #[error("reading which keys this log is used with")]
    Form(#[from] serde_json::Error),
}

/// What is kept beside the log: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprints {
    master: String,
    host_authority: String,
    user_authority: String,
    jump_host: String,
}

impl Fingerprints {
    fn of(sealer: &Sealer, authorities: &Authorities) -> Self {
        Self {
            master: sealer.digest("the keys of a log"),
            host_authority: authorities.host_authority(),
            user_authority: authorities.user_authority(),
            jump_host: authorities.jump_host_line(),
        }
    }

    /// In what they differ from `others`.
    fn differ(&self, others: &Self) -> Vec<&'static str> {
        [
            ("master key", self.master != others.master),
            (
                "SSH authority for hosts",
                self.host_authority != others.host_authority,
            ),
            (
                "SSH authority for users",
                self.user_authority != others.user_authority,
            ),
            ("key of the jump host", self.jump_host != others.jump_host),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// Makes sure that the log is used with these keys and no others; with `replace`, from now on.
///
/// # Errors
/// See [`SharedKeysError`].
pub(crate) async fn ensure(
    store: &KeyStore,
    sealer: &Sealer,
    authorities: &Authorities,
    replace: bool,
) -> Result<(), SharedKeysError> {
    let ours = Fingerprints::of(sealer, authorities);
    let written = serde_json::to_vec(&ours)?;
    let known = store.keys_of_this_log(written.clone().into()).await?;
    let known: Fingerprints = serde_json::from_slice(&known)?;
    match ours.differ(&known) {
        same if same.is_empty() => Ok(()),
        differing if replace => {
            tracing::warn!(?differing, "this log is used with other keys from now on");
            Ok(store.replace_keys_of_this_log(written.into()).await?)
        }
        differing => Err(SharedKeysError::Other(differing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(folder: &std::path::Path, store: &KeyStore) -> (Sealer, Authorities) {
        let sealer = Sealer::open(&folder.join("master.key"), store.clone()).unwrap();
        (sealer, Authorities::open(folder).unwrap())
    }

    #[tokio::test]
    async fn a_log_has_one_set_of_keys_until_they_are_replaced_on_purpose() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = KeyStore::memory();
        let (sealer, authorities) = keys(one.path(), &store);
        for _ in 0..2 {
            ensure(&store, &sealer, &authorities, false).await.unwrap();
        }
        let (other_sealer, other_authorities) = keys(two.path(), &store);
        let refused = ensure(&store, &other_sealer, &authorities, false).await;
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("another master key;") && text.contains("--keys FOLDER"),
            "{text}"
        );
        let refused = ensure(&store, &sealer, &other_authorities, false).await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("SSH authority for users")
        );
        ensure(&store, &other_sealer, &other_authorities, true)
            .await
            .unwrap();
        ensure(&store, &other_sealer, &other_authorities, false)
            .await
            .unwrap();
        assert!(ensure(&store, &sealer, &authorities, false).await.is_err());
    }
}
