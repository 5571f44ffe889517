//! Previews: a service of a workspace as a site of its own, under a host name of its own.
//!
//! ```text
//!  browser ─► listener ─► Host `3000-<workspace>.preview.localhost`?
//!                          │ who: a cookie of that very host, or a token of ours
//!                          │ from where: a page of that workspace, or a person
//!                          ▼
//!                   headers cleaned ─► a kept connection, or gateway ─► init ─► the service
//! ```
//!
//! What a service sends is somebody else's code, so it lives on another site than the API: the
//! API's cookie is never sent here, and ours is taken out of what a service receives. A browser
//! gets its cookie for a ticket that counts once, brought by a page of this module from behind the
//! `#` of an address, where no server and no log sees it.

mod activity;
mod answer;
mod connector;
mod enter;
mod entry;
mod headers;
mod host;
mod kept;
mod lane;
mod misses;
mod pages;
mod pool;
mod proxy;
mod site;
mod upgrade;
mod upload;

pub(crate) use entry::Entry;
pub(crate) use host::HostName;
#[cfg(feature = "testing")]
pub(crate) use host::read_host;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use nexus_events::id::WorkspaceId;
use nexus_nats::CallError;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::http::standing::Doorman;
use crate::identity::Identity;
use crate::sealing::SealingError;
use crate::tickets::{LIFETIME, Tickets};
use entry::Entries;
use host::Naming;
use pool::Pool;

/// Serves previews. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Previews {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    app: App,
    naming: Naming,
    tickets: Tickets<(Identity, HostName)>,
    entries: Arc<Entries>,
    pool: Pool,
    /// Workspaces that are being started for a page that waits.
    waking: Mutex<HashSet<WorkspaceId>>,
    shutdown: CancellationToken,
}

/// A way in for a browser.
#[derive(Debug)]
pub(crate) struct WayIn {
    /// What it opens, once.
    pub(crate) enter_url: String,
    /// When it is worth nothing any more.
    pub(crate) expires_at: Timestamp,
}

impl Previews {
    /// Previews of `app`, until `shutdown`.
    pub(crate) fn new(app: App, doorman: Doorman, shutdown: CancellationToken) -> Self {
        let settings = app.settings();
        let entries = Arc::new(Entries::new(app.clone(), doorman));
        let following = Arc::clone(&entries).follow_closings();
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(following));
        let parts = Parts {
            naming: Naming::new(&settings.preview_domain, settings.listen.port()),
            tickets: app.tickets("preview"),
            entries,
            pool: Pool::new(app.gateway().clone()),
            waking: Mutex::default(),
            shutdown,
            app,
        };
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Where a preview is.
    pub(crate) fn url(&self, host: HostName) -> String {
        self.parts.naming.url(host)
    }

    /// A way into the preview `host` for a browser of `identity`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn way_in(&self, identity: Identity, host: HostName) -> Result<WayIn, SealingError> {
        let now = self.parts.app.now();
        let ticket = self.parts.tickets.issue((identity, host), now)?;
        let expires_at = now.saturating_add(LIFETIME);
        Ok(WayIn {
            enter_url: format!(
                "{}{}#{}",
                self.parts.naming.origin(host),
                enter::PATH,
                ticket.expose_secret()
            ),
            expires_at: expires_at.unwrap_or(Timestamp::MAX),
        })
    }

    /// Shows out whoever was let into the preview `host`, at every replica; what they have open ends.
    ///
    /// # Errors
    /// When the other replicas may not have been told.
    pub(crate) async fn close(&self, identity: &Identity, host: HostName) -> Result<(), CallError> {
        self.parts.entries.close(identity, host).await
    }
}
