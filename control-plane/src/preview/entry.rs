//! Who was let into which preview, and until when.
//!
//! ```text
//!  a cookie ─► in memory? ─────────────────────────────► let in
//!                 └ no ─► beside the log, and not closed since? ─► into memory
//! ```
//!
//! Entries are kept beside the log, so that a browser is let in at every replica and after a
//! restart; a request asks only its own memory once its entry is there. A closing is told to all
//! who follow, and ends what came before it. The bearer of a token proves it anew where they are
//! not known, so nothing is kept of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use nexus_events::id::NodeId;
use nexus_nats::CallError;
use nexus_nats::preview_entries::{Closing, PreviewEntries, PreviewOf, ShownOut};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::HostName;
use super::activity::Noted;
use super::kept::Kept;
use super::misses::Misses;
use crate::app::App;
use crate::http::standing::Doorman;
use crate::identity::Identity;
use crate::queries::QueryError;

/// How long a browser stays let in.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Entries at a time, at most; beyond, the oldest gives way.
const MOST: usize = 10_000;
/// Entries looked for beside the log at a time; whoever shows a cookie nobody has costs no more.
const ASKING: usize = 8;
/// How long looking for one may take, and waiting for a turn to.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before following closings again when that was refused.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) type Digest = [u8; 32];

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
    /// Its place among entries and closings; 0 where it is not kept.
    sequence: u64,
    until: Instant,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl Entry {
    fn new(identity: Identity, host: HostName, doorman: &Doorman, sequence: u64) -> Self {
        let gone = CancellationToken::new();
        Self {
            identity,
            host,
            place: Mutex::default(),
            noted: Noted::default(),
            sequence,
            until: Instant::now() + LIFETIME,
            _watch: doorman.standing(&identity).watch(gone.clone()),
            gone,
        }
    }

    /// The same, let in no longer than it was kept for.
    fn lasting_until(mut self, until: Timestamp, now: Timestamp) -> Self {
        let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        self.until = Instant::now() + left.min(LIFETIME);
        self
    }

    fn counts(&self, host: HostName, now: Instant) -> bool {
        self.host == host && self.until > now && !self.gone.is_cancelled()
    }
}

/// Why it cannot be told whether somebody was let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// What is kept could not be read or written.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The read model did not say whether the token counts.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It took too long, or too many asked.
    #[error("looking for an entry took too long")]
    Late,
}

/// Everybody who was let in, by a digest of what they hold.
#[derive(Debug)]
pub(super) struct Entries {
    known: Mutex<Known>,
    app: App,
    doorman: Doorman,
    store: PreviewEntries,
    asking: Semaphore,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Digest, Arc<Entry>>,
    misses: Misses,
    /// Goes up with each closing: what was found out before one has to be found out again.
    closings: u64,
}

impl Entries {
    /// Those of `app`.
    pub(super) fn new(app: App, doorman: Doorman) -> Self {
        Self {
            known: Mutex::default(),
            store: app.backbone().preview_entries.clone(),
            doorman,
            app,
            asking: Semaphore::new(ASKING),
        }
    }

    /// Lets somebody in, and gives the secret they show from now on.
    pub(super) async fn admit(&self, identity: Identity, host: HostName) -> String {
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let (digest, closings) = (digest(&secret, host), self.lock().closings);
        let sequence = match self.store(digest, identity, host).await {
            Ok(sequence) => sequence,
            Err(error) => {
                let error = error.as_ref() as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "a browser is let into a preview at this replica only"
                );
                0
            }
        };
        let entry = Arc::new(Entry::new(identity, host, &self.doorman, sequence));
        // Closed meanwhile, it may be what was closed: then it is looked for when it is shown.
        if !self.keep(digest, &entry, closings) && sequence == 0 {
            tracing::info!("a preview was closed while a browser was let in");
        }
        secret
    }

    async fn store(
        &self,
        digest: Digest,
        identity: Identity,
        host: HostName,
    ) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        let lifetime = jiff::SignedDuration::try_from(LIFETIME)?;
        let kept = Kept {
            digest,
            identity,
            until: self.app.now().saturating_add(lifetime)?,
        };
        let sealed = kept.seal(self.app.sealer())?;
        Ok(self.store.keep(host.into(), &digest, sealed).await?)
    }

    /// Who shows `secret` at `host`, as far as is known here.
    pub(super) fn of(&self, secret: &str, host: HostName) -> Option<Arc<Entry>> {
        self.known(digest(secret, host), host)
    }

    fn known(&self, digest: Digest, host: HostName) -> Option<Arc<Entry>> {
        let mut known = self.lock();
        let entry = known.entries.get(&digest)?;
        if entry.counts(host, Instant::now()) {
            return Some(Arc::clone(entry));
        }
        known.entries.remove(&digest);
        None
    }

    /// Who shows `secret` at `host`, let in at another replica or before a restart.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(super) async fn find(
        &self,
        secret: &str,
        host: HostName,
    ) -> Result<Option<Arc<Entry>>, EntryError> {
        let digest = digest(secret, host);
        if self.lock().misses.has(&digest, Instant::now()) {
            return Ok(None);
        }
        let looking = async {
            // Never closed, so a turn comes.
            let _turn = self.asking.acquire().await;
            // A page asks for many things at once, and the first of them has found it.
            if let Some(entry) = self.known(digest, host) {
                return Ok(Some(entry));
            }
            let found = self.look_for(digest, host).await?;
            if found.is_none() {
                self.lock().misses.note(digest, Instant::now());
            }
            Ok(found)
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        looked.unwrap_or(Err(EntryError::Late))
    }

    async fn look_for(
        &self,
        digest: Digest,
        host: HostName,
    ) -> Result<Option<Arc<Entry>>, EntryError> {
        loop {
            let closings = self.lock().closings;
            let Some((sealed, sequence)) = self.store.entry(host.into(), &digest).await? else {
                return Ok(None);
            };
            let now = self.app.now();
            let kept = Kept::unseal(self.app.sealer(), &digest, &sealed);
            let Some(Kept {
                identity, until, ..
            }) = kept.filter(|kept| kept.until > now)
            else {
                return Ok(None);
            };
            let closed = self.store.closed(host.into(), identity.user()).await?;
            if closed > sequence || !self.is_in_standing(&identity).await? {
                return Ok(None);
            }
            let entry = Entry::new(identity, host, &self.doorman, sequence);
            let entry = Arc::new(entry.lasting_until(until, now));
            if self.keep(digest, &entry, closings) {
                return Ok(Some(entry));
            }
        }
    }

    /// Whether the token somebody was let in with counts; one that is not known here may have been
    /// issued a moment ago.
    async fn is_in_standing(&self, identity: &Identity) -> Result<bool, EntryError> {
        let Identity::User { token, .. } = identity else {
            return Ok(true);
        };
        let queries = self.app.queries();
        let mut end = queries.token_end(*token)?;
        if end.is_none() {
            let last = queries.freshness().await.log_sequence;
            queries
                .wait_for(last.ok_or(EntryError::Late)?, PATIENCE)
                .await?;
            end = queries.token_end(*token)?;
        }
        Ok(end.is_some_and(|end| end.is_none_or(|end| end > self.app.now())))
    }

    /// The bearer of `token` at `host`, once it was found out who that is.
    pub(super) fn bearer(&self, token: &str, host: HostName, identity: Identity) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(identity, host, &self.doorman, 0));
        let closings = self.lock().closings;
        self.keep(digest(token, host), &entry, closings);
        entry
    }

    /// Shows out whoever of `identity`'s was let into `host`, at every replica; an administrator
    /// everybody.
    ///
    /// # Errors
    /// When the other replicas may not have been told; here they are shown out.
    pub(super) async fn close(&self, identity: &Identity, host: HostName) -> Result<(), CallError> {
        let who = match identity {
            Identity::User { id, .. } if !identity.is_admin() => ShownOut::User(*id),
            Identity::User { .. } | Identity::Operator => ShownOut::Everybody,
        };
        let told = self.store.close(host.into(), who).await;
        // Until this is followed, too, nobody is let in by what was before.
        self.show_out(host.into(), who, u64::MAX);
        told
    }

    /// Shows out whoever another replica shows out, until dropped.
    pub(super) async fn follow_closings(self: Arc<Self>) {
        let mut closings = self.store.follow();
        loop {
            match closings.next().await {
                Ok(Closing {
                    preview,
                    who,
                    sequence,
                }) => self.show_out(preview, who, sequence),
                Err(error) => {
                    tracing::warn!(%error, "closings of previews are not heard");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn show_out(&self, preview: PreviewOf, who: ShownOut, before: u64) {
        let mut known = self.lock();
        known.closings += 1;
        known.entries.retain(|_, entry| {
            let theirs = match who {
                ShownOut::Everybody => true,
                ShownOut::User(user) => entry.identity.user() == Some(user),
            };
            let goes = PreviewOf::from(entry.host) == preview && theirs && entry.sequence < before;
            if goes {
                entry.gone.cancel();
            }
            !goes
        });
    }

    /// Keeps an entry in memory, unless something was closed since `closings` were.
    fn keep(&self, digest: Digest, entry: &Arc<Entry>, closings: u64) -> bool {
        let now = Instant::now();
        let mut known = self.lock();
        if known.closings != closings {
            return false;
        }
        let entries = &mut known.entries;
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.counts(entry.host, now));
        }
        if entries.len() >= MOST {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                entries.remove(&oldest);
            }
        }
        entries.insert(digest, Arc::clone(entry));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<HostName> for PreviewOf {
    fn from(host: HostName) -> Self {
        Self {
            workspace: host.workspace,
            port: host.port,
        }
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
