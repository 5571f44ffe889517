//! Who somebody is by their key, and whether they may stay.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nexus_events::id::{TokenId, UserId, WorkspaceId};
use nexus_events::user::Scope;
use nexus_init_protocol::RSA_BITS;
use russh::keys::ssh_key::public::RsaPublicKey;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use russh::server::PublicKeyOffer;
use tokio_util::sync::CancellationToken;

use super::listen::Inside;
use crate::app::App;
use crate::hub::TailItem;
use crate::identity::Identity;
use crate::projections;
use crate::queries::EventQuery;

/// The pause before listening again when that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody who has proved to have a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    user: UserId,
    /// Of the key, or of the key that is certified.
    fingerprint: String,
    /// The workspaces a certificate opens; `None`: the key is registered and opens all.
    opens: Option<BTreeSet<WorkspaceId>>,
}

impl Login {
    /// Who asks, for commands and queries.
    pub(super) fn identity(&self) -> Identity {
        Identity::User {
            id: self.user,
            scope: Scope::User,
            // There is no token; a name for the key stands in its place.
            token: TokenId::derived(format!("ssh:{}", self.fingerprint)),
        }
    }

    /// Whether it leads to a workspace of theirs.
    pub(super) fn opens(&self, workspace: WorkspaceId) -> bool {
        self.opens
            .as_ref()
            .is_none_or(|opens| opens.contains(&workspace))
    }
}

/// Tells who somebody is.
#[derive(Debug)]
pub(super) struct Welcome {
    app: App,
}

impl Welcome {
    pub(super) fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }

    /// Whether a key is worth a signature of this kind. What is offered may be a certificate: it
    /// comes here as the bare key it certifies.
    pub(super) fn may_try(&self, offer: &PublicKeyOffer<'_>) -> bool {
        let directory = self.app.queries().directory();
        is_sound(offer) && directory.has_key(&fingerprint(offer.public_key), self.app.now())
    }

    /// Whoever registered the key.
    pub(super) fn by_key(&self, key: &PublicKey) -> Option<Login> {
        let fingerprint = fingerprint(key);
        let user = self.app.queries().directory().by_key(&fingerprint)?;
        let login = Login {
            user,
            fingerprint,
            opens: None,
        };
        self.may_stay(&login).then_some(login)
    }

    /// Whoever a certificate of ours names.
    pub(super) fn by_certificate(&self, certificate: &Certificate) -> Option<Login> {
        if !self
            .app
            .authorities()
            .vouches_for(certificate, self.app.now())
        {
            return None;
        }
        let names = certificate.valid_principals();
        let opens: BTreeSet<_> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let key = PublicKey::from(certificate.public_key().clone());
        let login = Login {
            user: certificate.key_id().parse().ok()?,
            fingerprint: fingerprint(&key),
            opens: Some(opens),
        };
        self.may_stay(&login).then_some(login)
    }

    /// Whether the key, or what certifies it, counts still. A certificate that ran out since the
    /// login does; nobody is cut off by the clock.
    pub(super) fn may_stay(&self, login: &Login) -> bool {
        let read = self
            .app
            .queries()
            .database
            .read(|connection| projections::user(connection, login.user));
        let state = match read {
            Ok(Some(record)) => record.state,
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "reading a user");
                return false;
            }
        };
        let is_registered = state.keys.contains_key(&login.fingerprint);
        match login.opens {
            None => state.profile.is_some() && is_registered,
            Some(_) => {
                let mut refused = state.refused_at(self.app.now());
                state.profile.is_some() && !refused.any(|refused| *refused == login.fingerprint)
            }
        }
    }
}

/// Whether such a signature proves anything: RSA only over SHA-2, and by a key of a sound length.
fn is_sound(offer: &PublicKeyOffer<'_>) -> bool {
    let is_over_sha1 = matches!(offer.algorithm, Algorithm::Rsa { hash: None });
    let has_sound_length = |key: &RsaPublicKey| RSA_BITS.contains(&key.key_size());
    let rsa = offer.public_key.key_data().rsa();
    !is_over_sha1 && rsa.is_none_or(has_sound_length)
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Shows out whoever loses their key, until told to stop.
pub(super) async fn follow(inside: Arc<Inside>, stop: CancellationToken) {
    let mut after = inside.app.queries().sequence();
    loop {
        let query = EventQuery {
            after: Some(after),
            kind: Some("user".into()),
            ..EventQuery::default()
        };
        if let Ok(mut events) = inside.app.hub().subscribe(&Identity::Operator, &query) {
            loop {
                let item = tokio::select! {
                    () = stop.cancelled() => return,
                    item = events.next() => item,
                };
                match item {
                    Ok(TailItem::Event(event)) if takes_away(&event.event_type) => {}
                    Ok(TailItem::Event(_) | TailItem::CaughtUp { .. }) => continue,
                    Ok(TailItem::Ended) => return,
                    Ok(TailItem::Cut { .. }) | Err(_) => break,
                }
                inside
                    .guests
                    .show_out(|login| inside.welcome.may_stay(login));
            }
            after = events.position();
            inside
                .guests
                .show_out(|login| inside.welcome.may_stay(login));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether somebody may have lost a key, or a certificate.
fn takes_away(event_type: &str) -> bool {
    let name = event_type.rsplit_once(".v").map(|(name, _)| name);
    matches!(
        name,
        Some("nexus.user.key_removed" | "nexus.user.token_revoked" | "nexus.user.erased")
    )
}
