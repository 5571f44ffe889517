//! Tickets: short texts that let in once, soon, for whatever they were made for.
//!
//! ```text
//!  ticket = sealed by the master key ( what it lets in to, until when, a name of its own )
//! ```
//!
//! A ticket says everything itself, so that it counts at every replica and none of them has to
//! remember it. That it was used is kept beside the log, by its name, for longer than it counts: of
//! two replicas that are shown one ticket, one lets in.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use nexus_nats::{CallError, SpentTickets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sealing::{Sealer, SealingError};

/// How long a ticket counts.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(30);

/// A ticket's text. It is shown nowhere, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketText(String);

impl TicketText {
    /// The text; the name is long so that every use is easy to find.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TicketText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TicketText(…)")
    }
}

/// Where it is kept which tickets were used.
#[derive(Debug, Clone)]
pub enum Spent {
    /// On the bus, for all replicas.
    Bus(SpentTickets),
    /// In memory beside a log in memory, with the end of each.
    Memory(Arc<Mutex<HashMap<Uuid, Timestamp>>>),
}

impl Spent {
    /// None yet, in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    async fn spend(
        &self,
        ticket: Uuid,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, CallError> {
        match self {
            Self::Bus(spent) => spent.spend(ticket).await,
            Self::Memory(spent) => {
                let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
                spent.retain(|_, until| *until > now);
                Ok(spent.insert(ticket, until).is_none())
            }
        }
    }
}

/// Tickets for things of type `T`. Clones are the same.
#[derive(Debug, Clone)]
pub struct Tickets<T> {
    /// What they are for: one made for something else counts for nothing.
    purpose: &'static str,
    sealer: Sealer,
    spent: Spent,
    holds: PhantomData<fn() -> T>,
}

/// What a ticket says.
#[derive(Serialize, Deserialize)]
struct Said<T> {
    name: Uuid,
    until: Timestamp,
    holds: T,
}

impl<T: Serialize + DeserializeOwned> Tickets<T> {
    /// Tickets for `purpose`.
    pub(crate) const fn new(purpose: &'static str, sealer: Sealer, spent: Spent) -> Self {
        Self {
            purpose,
            sealer,
            spent,
            holds: PhantomData,
        }
    }

    /// A ticket that gives `holds` to whoever brings it before [`LIFETIME`] is over.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn issue(&self, holds: T, now: Timestamp) -> Result<TicketText, SealingError> {
        let said = Said {
            name: Uuid::from_bytes(rand::random()),
            until: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
            holds,
        };
        let plain = serde_json::to_vec(&said).expect("what tickets are for is plain data");
        let sealed = self.sealer.seal_ticket(self.purpose, &plain)?;
        Ok(TicketText(URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// What the ticket was made for. It counts no more afterwards, at any replica.
    ///
    /// # Errors
    /// When it cannot be told whether it was used.
    pub async fn redeem(&self, text: &str, now: Timestamp) -> Result<Option<T>, CallError> {
        let Some(said) = self.read(text).filter(|said| said.until > now) else {
            return Ok(None);
        };
        let first = self.spent.spend(said.name, said.until, now).await?;
        Ok(first.then_some(said.holds))
    }

    fn read(&self, text: &str) -> Option<Said<T>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = self.sealer.unseal_ticket(self.purpose, sealed)?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_store::KeyStore;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn sealer() -> Sealer {
        let folder = tempfile::tempdir().unwrap();
        Sealer::open(&folder.path().join("master.key"), KeyStore::memory()).unwrap()
    }

    fn tickets(sealer: &Sealer, spent: &Spent) -> Tickets<String> {
        Tickets::new("test", sealer.clone(), spent.clone())
    }

    async fn redeemed(tickets: &Tickets<String>, text: &str, now: Timestamp) -> Option<String> {
        tickets.redeem(text, now).await.unwrap()
    }

    #[tokio::test]
    async fn a_ticket_counts_once_at_all_replicas_and_not_for_long() {
        let (sealer, spent) = (sealer(), Spent::memory());
        let (one, other) = (tickets(&sealer, &spent), tickets(&sealer, &spent));
        let ticket = one.issue("a".into(), NOW).unwrap();
        let text = ticket.expose_secret();
        assert_eq!(redeemed(&other, text, NOW).await.as_deref(), Some("a"));
        assert_eq!(redeemed(&other, text, NOW).await, None);
        assert_eq!(redeemed(&one, text, NOW).await, None);
        let late = one.issue("b".into(), NOW).unwrap();
        assert_eq!(
            redeemed(&one, late.expose_secret(), NOW + LIFETIME).await,
            None
        );
        assert_eq!(format!("{late:?}"), "TicketText(…)");
    }

    #[tokio::test]
    async fn what_we_did_not_seal_for_this_counts_for_nothing() {
        let (own, spent) = (sealer(), Spent::memory());
        let ours = tickets(&own, &spent);
        for text in ["", "a", "!!", &"A".repeat(32), &"A".repeat(200)] {
            assert_eq!(redeemed(&ours, text, NOW).await, None, "{text:?}");
        }
        let elsewhere = Tickets::new("other", own.clone(), spent.clone());
        let meant = elsewhere.issue("a".to_owned(), NOW).unwrap();
        assert_eq!(redeemed(&ours, meant.expose_secret(), NOW).await, None);
        let forged = tickets(&sealer(), &spent).issue("a".into(), NOW).unwrap();
        assert_eq!(redeemed(&ours, forged.expose_secret(), NOW).await, None);
        let ticket = ours.issue("a".into(), NOW).unwrap();
        let text = ticket.expose_secret();
        let changed = format!("{}A", &text[..text.len() - 1]);
        if changed != text {
            assert_eq!(redeemed(&ours, &changed, NOW).await, None);
        }
        assert_eq!(redeemed(&ours, text, NOW).await.as_deref(), Some("a"));
    }
}
