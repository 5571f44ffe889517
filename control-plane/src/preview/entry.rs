//! Who was let into which preview, and until when. Kept in memory: after a restart a browser
//! comes by the dashboard once more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_events::id::NodeId;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::HostName;
use super::activity::Noted;
use crate::http::standing::Doorman;
use crate::identity::Identity;

/// How long a browser stays let in.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Entries at a time, at most; beyond, the oldest gives way.
const MOST: usize = 10_000;

type Digest = [u8; 32];

/// Somebody who was let in. It ends with their token, or when the preview is closed.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Who.
    pub(super) identity: Identity,
    /// Where.
    pub(super) host: HostName,
    /// Cancelled once they may not stay.
    pub(super) gone: CancellationToken,
    /// Where the workspace was found last, and as of which event.
    pub(super) place: Mutex<Option<(u64, NodeId)>>,
    /// When use of it was written down last.
    pub(super) noted: Noted,
    until: Instant,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl Entry {
    fn new(identity: Identity, host: HostName, doorman: &Doorman, now: Instant) -> Self {
        let gone = CancellationToken::new();
        Self {
            identity,
            host,
            place: Mutex::default(),
            noted: Noted::default(),
            until: now + LIFETIME,
            _watch: doorman.standing(&identity).watch(gone.clone()),
            gone,
        }
    }

    fn counts(&self, host: HostName, now: Instant) -> bool {
        self.host == host && self.until > now && !self.gone.is_cancelled()
    }
}

/// Everybody who was let in, by a digest of what they hold.
#[derive(Debug, Default)]
pub(super) struct Entries {
    known: Mutex<HashMap<Digest, Arc<Entry>>>,
}

impl Entries {
    /// Lets somebody in, and gives the secret they show from now on.
    pub(super) fn admit(&self, identity: Identity, host: HostName, doorman: &Doorman) -> String {
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let entry = Entry::new(identity, host, doorman, Instant::now());
        self.keep(digest(&secret, host), Arc::new(entry));
        secret
    }

    /// Who shows `secret` at `host`.
    pub(super) fn of(&self, secret: &str, host: HostName) -> Option<Arc<Entry>> {
        let digest = digest(secret, host);
        let mut known = self.lock();
        let entry = known.get(&digest)?;
        if entry.counts(host, Instant::now()) {
            return Some(Arc::clone(entry));
        }
        known.remove(&digest);
        None
    }

    /// The bearer of `token` at `host`, once it was found out who that is.
    pub(super) fn bearer(
        &self,
        token: &str,
        host: HostName,
        identity: Identity,
        doorman: &Doorman,
    ) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(identity, host, doorman, Instant::now()));
        self.keep(digest(token, host), Arc::clone(&entry));
        entry
    }

    /// Shows out whoever of `identity`'s was let into `host`; an administrator everybody.
    pub(super) fn close(&self, identity: &Identity, host: HostName) {
        self.lock().retain(|_, entry| {
            let theirs = identity.is_admin() || entry.identity.user() == identity.user();
            let stays = entry.host != host || !theirs;
            if !stays {
                entry.gone.cancel();
            }
            stays
        });
    }

    fn keep(&self, digest: Digest, entry: Arc<Entry>) {
        let now = Instant::now();
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, entry| entry.counts(entry.host, now));
        }
        if known.len() >= MOST {
            let oldest = known.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                known.remove(&oldest);
            }
        }
        known.insert(digest, entry);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Entry>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looked up by digest, so that the time a lookup takes tells nothing of a secret.
fn digest(secret: &str, host: HostName) -> Digest {
    let mut digest = Sha256::new();
    digest.update(host.workspace.uuid().as_bytes());
    digest.update(host.port.to_be_bytes());
    digest.update(secret);
    digest.finalize().into()
}
