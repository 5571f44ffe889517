//! How often somebody may try to sign in: guessing is hopeless anyway, and this keeps it cheap.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nexus_events::problem::ProblemCode;

use super::error::Refusal;
use super::listen::Peer;

/// Failed attempts of one address within [`WINDOW`].
const MOST: u32 = 5;
/// How long a failed attempt counts.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at most; beyond, all wait for the oldest to be forgotten.
const ADDRESSES: usize = 10_000;

/// Failed attempts by address.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: Mutex<HashMap<IpAddr, Failed>>,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    since: Instant,
}

impl Attempts {
    /// Whether `peer` may try.
    ///
    /// # Errors
    /// `RATE_LIMIT` after too many failures.
    pub(crate) fn may_try(&self, peer: Option<Peer>, now: Instant) -> Result<(), Refusal> {
        let Some(address) = address(peer) else {
            return Ok(());
        };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, failed| now.saturating_duration_since(failed.since) < WINDOW);
        let times = failed.get(&address).map_or(0, |failed| failed.times);
        if times < MOST && failed.len() < ADDRESSES {
            return Ok(());
        }
        let detail = "token: too many failed attempts from this address";
        let refusal = Refusal::new(
            ProblemCode::RateLimit,
            detail,
            "wait a minute, then try again",
        );
        Err(refusal.naming("token", "too many failed attempts"))
    }

    /// An attempt of `peer` failed.
    pub(crate) fn failed(&self, peer: Option<Peer>, now: Instant) {
        let Some(address) = address(peer) else { return };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failed.entry(address).or_insert(Failed {
            times: 0,
            since: now,
        });
        known.times += 1;
    }
}

/// The local socket is for those who need not sign in.
fn address(peer: Option<Peer>) -> Option<IpAddr> {
    match peer {
        Some(Peer::Network(address)) => Some(address.ip().to_canonical()),
        Some(Peer::Local { .. }) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_has_to_wait_and_nobody_else() {
        let peer = |last| Some(Peer::Network(([127, 0, 0, last], 1).into()));
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..MOST {
            assert!(attempts.may_try(peer(1), now).is_ok());
            attempts.failed(peer(1), now);
        }
        assert!(attempts.may_try(peer(1), now).is_err());
        assert!(attempts.may_try(peer(2), now).is_ok());
        assert!(attempts.may_try(peer(1), now + WINDOW).is_ok());
    }
}
