//! What is kept of an entry beside the log: who, and until when, sealed. It is found by a digest,
//! and what it says counts under that digest only.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::Digest;
use crate::identity::Identity;
use crate::sealing::{Sealer, SealingError};

/// What the seal is for: a ticket is no entry.
const PURPOSE: &str = "preview-entry";

/// An entry as it is kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of what the browser shows, and where.
    pub(super) digest: Digest,
    /// Who was let in.
    pub(super) identity: Identity,
    /// How long they are.
    pub(super) until: Timestamp,
}

impl Kept {
    /// As it is stored.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn seal(&self, sealer: &Sealer) -> Result<Bytes, SealingError> {
        let plain = serde_json::to_vec(self).expect("an entry is plain data");
        sealer.seal_ticket(PURPOSE, &plain).map(Bytes::from)
    }

    /// As it was stored under `digest`; `None` when it is none of ours, or was moved there.
    pub(super) fn unseal(sealer: &Sealer, digest: &Digest, sealed: &Bytes) -> Option<Self> {
        let plain = sealer.unseal_ticket(PURPOSE, sealed.to_vec())?;
        let kept: Self = serde_json::from_slice(&plain).ok()?;
        (kept.digest == *digest).then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_store::KeyStore;

    #[test]
    fn an_entry_counts_where_it_was_kept_and_says_nothing_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let own = Sealer::open(&folder.path().join("own.key"), KeyStore::memory()).unwrap();
        let other = Sealer::open(&folder.path().join("other.key"), KeyStore::memory()).unwrap();
        let kept = Kept {
            digest: [7; 32],
            identity: Identity::Operator,
            until: Timestamp::UNIX_EPOCH,
        };
        let sealed = kept.seal(&own).unwrap();
        assert_eq!(Kept::unseal(&own, &[8; 32], &sealed), None);
        assert_eq!(Kept::unseal(&other, &[7; 32], &sealed), None);
        assert_eq!(Kept::unseal(&own, &[7; 32], &sealed), Some(kept));
    }
}
