//! Tickets: short texts that let in once, soon, for whatever they were made for.
//!
//! Kept in memory alone, since nobody waits for one across a restart. Only a digest of the secret
//! half is kept, looked up by the other half and compared in constant time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// How long a ticket counts.
pub const LIFETIME: Duration = Duration::from_secs(30);

/// Tickets that count at a time, at most. Beyond, the oldest gives way.
const MOST: usize = 4096;

/// Bytes of each half of a ticket.
const HALF: usize = 24;

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

/// Tickets for things of type `T`. Clones share them.
#[derive(Debug)]
pub struct Tickets<T> {
    kept: Arc<Mutex<HashMap<[u8; HALF], Kept<T>>>>,
}

#[derive(Debug)]
struct Kept<T> {
    digest: [u8; 32],
    until: Instant,
    holds: T,
}

impl<T> Clone for Tickets<T> {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
        }
    }
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self {
            kept: Arc::default(),
        }
    }
}

impl<T> Tickets<T> {
    /// A ticket that gives `holds` to whoever brings it before [`LIFETIME`] is over.
    pub fn issue(&self, holds: T, now: Instant) -> TicketText {
        let (name, secret) = (rand::random::<[u8; HALF]>(), rand::random::<[u8; HALF]>());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, ticket| ticket.until > now);
        if kept.len() >= MOST {
            let oldest = kept.iter().min_by_key(|(_, ticket)| ticket.until);
            let oldest = oldest.map(|(name, _)| *name);
            kept.retain(|name, _| Some(*name) != oldest);
        }
        let ticket = Kept {
            digest: Sha256::digest(secret).into(),
            until: now + LIFETIME,
            holds,
        };
        kept.insert(name, ticket);
        TicketText(URL_SAFE_NO_PAD.encode([name, secret].concat()))
    }

    /// What the ticket was made for. It counts no more afterwards, whether or not it was whole.
    pub fn redeem(&self, text: &str, now: Instant) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (name, secret) = bytes.split_at_checked(HALF)?;
        let name: [u8; HALF] = name.try_into().ok()?;
        let ticket = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.remove(&name)?
        };
        verify_slices_are_equal(&Sha256::digest(secret), &ticket.digest).ok()?;
        (ticket.until > now).then_some(ticket.holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_counts_once_and_not_for_long() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let ticket = tickets.issue("a", now);
        assert_eq!(tickets.redeem(ticket.expose_secret(), now), Some("a"));
        assert_eq!(tickets.redeem(ticket.expose_secret(), now), None);
        let late = tickets.issue("b", now);
        assert_eq!(tickets.redeem(late.expose_secret(), now + LIFETIME), None);
        assert_eq!(format!("{late:?}"), "TicketText(…)");
    }

    #[test]
    fn half_a_ticket_counts_for_nothing_and_spoils_it() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        for text in ["", "a", "!!", &"A".repeat(32), &"A".repeat(64)] {
            assert_eq!(tickets.redeem(text, now), None::<()>, "{text:?}");
        }
        let ticket = tickets.issue((), now);
        let text = ticket.expose_secret();
        let guessed = format!("{}{}", &text[..32], "A".repeat(32));
        assert_eq!(tickets.redeem(&guessed, now), None);
        assert_eq!(tickets.redeem(text, now), None, "there is one try");
    }

    #[test]
    fn the_oldest_gives_way_when_there_are_too_many() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let first = tickets.issue(0, now);
        let others: Vec<_> = (1..=MOST)
            .map(|number| tickets.issue(number, now + Duration::from_millis(1)))
            .collect();
        assert_eq!(tickets.redeem(first.expose_secret(), now), None);
        let last = others.last().expect("there are some");
        assert_eq!(tickets.redeem(last.expose_secret(), now), Some(MOST));
    }
}
