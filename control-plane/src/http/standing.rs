//! Whether somebody who was let in may stay: a token that is revoked or runs out ends what was
//! begun with it, within a second and not at the next request.

use std::time::Duration;

use nexus_events::id::{TokenId, UserId};
use nexus_events::upcast;
use nexus_events::user::UserEvent;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::hub::{Hub, TailEvent, TailItem};
use crate::identity::Identity;
use crate::queries::{EventQuery, Queries};

/// Revocations a listener may fall behind before it has to prove itself anew.
const BEHIND: usize = 64;
/// The pause before listening again when that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody was shown out.
#[derive(Debug, Clone, Copy)]
enum Revoked {
    Token(TokenId),
    User(UserId),
}

/// Knows who was shown out. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Doorman {
    revoked: broadcast::Sender<Revoked>,
    queries: Queries,
}

impl Doorman {
    /// Starts listening for revocations until `stop`.
    pub(crate) fn start(hub: Hub, queries: Queries, stop: CancellationToken) -> Self {
        let doorman = Self {
            revoked: broadcast::Sender::new(BEHIND),
            queries,
        };
        let listening = doorman.clone().listen(hub);
        tokio::spawn(async move { stop.run_until_cancelled(listening).await });
        doorman
    }

    /// How `identity` stands from now on.
    pub(crate) fn standing(&self, identity: &Identity) -> Standing {
        let revoked = self.revoked.subscribe();
        let (token, user) = match identity {
            Identity::Operator => (None, None),
            Identity::User { id, token, .. } => (Some(*token), Some(*id)),
        };
        let ends = token.and_then(|token| self.end_of(token));
        Standing {
            revoked,
            token,
            user,
            ends,
        }
    }

    /// When the token ends by itself. One that counts no more by now was revoked before anybody
    /// listened.
    fn end_of(&self, token: TokenId) -> Option<Instant> {
        let end = match self.queries.token_end(token) {
            Ok(Some(end)) => end?,
            Ok(None) => return Some(Instant::now()),
            Err(error) => {
                tracing::warn!(%error, "when a token ends cannot be told");
                return None;
            }
        };
        let left = end.duration_since(nexus_nats::clock::now());
        Some(Instant::now() + Duration::try_from(left).unwrap_or_default())
    }

    async fn listen(self, hub: Hub) {
        let mut after = self.queries.sequence();
        loop {
            let query = EventQuery {
                after: Some(after),
                kind: Some("user".into()),
                ..EventQuery::default()
            };
            if let Ok(mut subscription) = hub.subscribe(&Identity::Operator, &query) {
                while let Ok(item) = subscription.next().await {
                    match item {
                        TailItem::Event(event) => self.tell(&event),
                        TailItem::CaughtUp { .. } => {}
                        TailItem::Cut { .. } => break,
                        TailItem::Ended => return,
                    }
                }
                after = subscription.position();
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn tell(&self, event: &TailEvent) {
        let stored = event.view().event;
        let Ok(envelope) = upcast::decode::<UserEvent>(stored.to_string().as_bytes()) else {
            return;
        };
        let revoked = match envelope.data {
            UserEvent::TokenRevoked { id, .. } => Revoked::Token(id),
            UserEvent::Erased { .. } => match envelope.subject.parse() {
                Ok(user) => Revoked::User(user),
                Err(_) => return,
            },
            UserEvent::Registered { .. }
            | UserEvent::KeyAdded { .. }
            | UserEvent::KeyRemoved { .. }
            | UserEvent::TokenIssued { .. }
            | UserEvent::CertificateIssued { .. }
            | UserEvent::CredentialsChanged { .. }
            | UserEvent::ScriptsChanged { .. } => return,
        };
        // Nobody listening is no fault.
        let _ = self.revoked.send(revoked);
    }
}

/// How one listener stands.
#[derive(Debug)]
pub(crate) struct Standing {
    revoked: broadcast::Receiver<Revoked>,
    token: Option<TokenId>,
    user: Option<UserId>,
    ends: Option<Instant>,
}

impl Standing {
    /// Cancels `gone` once it is lost, until dropped. The operator's never is.
    pub(crate) fn watch(mut self, gone: CancellationToken) -> Option<AbortOnDropHandle<()>> {
        self.token?;
        Some(AbortOnDropHandle::new(tokio::spawn(async move {
            self.lost().await;
            gone.cancel();
        })))
    }

    /// Waits until it is lost, which may be for ever.
    async fn lost(&mut self) {
        let ran_out = async {
            match self.ends {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let shown_out = async {
            loop {
                match self.revoked.recv().await {
                    Ok(Revoked::Token(token)) if self.token == Some(token) => return,
                    Ok(Revoked::User(user)) if self.user == Some(user) => return,
                    Ok(_) => {}
                    // Too many to be sure: whoever has a token comes back and proves it.
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = ran_out => {}
            () = shown_out => {}
        }
    }
}
