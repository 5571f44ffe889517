//! Which addresses did not answer, so that nobody waits for them again.
//!
//! One that failed is passed over from then on. When it is its turn to be looked at again, that is
//! done beside the stream that asks, which takes another way meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::TlsAddress;

/// What to do about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// Nothing is known against it.
    Try,
    /// It did not answer lately.
    Pass,
    /// The same, and it is time for another look; the answer is waited for.
    Look,
}

/// The addresses that did not answer.
#[derive(Debug)]
pub(super) struct Reach {
    again: Duration,
    barred: Mutex<HashMap<TlsAddress, Barred>>,
}

#[derive(Debug)]
struct Barred {
    /// When it failed last.
    since: Instant,
    /// Somebody looks.
    looking: bool,
}

impl Reach {
    /// Looks at each again after `again`.
    pub(super) fn new(again: Duration) -> Self {
        Self {
            again,
            barred: Mutex::default(),
        }
    }

    pub(super) fn advice(&self, address: &TlsAddress, now: Instant) -> Advice {
        let mut barred = self.lock();
        let Some(known) = barred.get_mut(address) else {
            return Advice::Try;
        };
        if known.looking || now < known.since + self.again {
            return Advice::Pass;
        }
        known.looking = true;
        Advice::Look
    }

    /// It answered.
    pub(super) fn answers(&self, address: &TlsAddress) {
        self.lock().remove(address);
    }

    /// It did not. What has not been asked for in a long time is forgotten on the way: a worker
    /// with a new key or port is another address.
    pub(super) fn fails(&self, address: &TlsAddress, now: Instant) {
        let mut barred = self.lock();
        barred.retain(|_, known| known.looking || now < known.since + 100 * self.again);
        let known = Barred {
            since: now,
            looking: false,
        };
        barred.insert(address.clone(), known);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TlsAddress, Barred>> {
        // A panic inside leaves an address barred or not, and either is found out again.
        self.barred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pin;
    use super::*;

    const AGAIN: Duration = Duration::from_secs(15);

    fn address() -> TlsAddress {
        TlsAddress {
            place: "10.0.0.1:7443".into(),
            pin: Pin::of(b"a key"),
        }
    }

    #[test]
    fn what_failed_is_passed_over_and_looked_at_by_one_at_a_time() {
        let (reach, now) = (Reach::new(AGAIN), Instant::now());
        assert_eq!(reach.advice(&address(), now), Advice::Try);
        reach.fails(&address(), now);
        assert_eq!(reach.advice(&address(), now), Advice::Pass);
        let later = now + AGAIN;
        assert_eq!(reach.advice(&address(), later), Advice::Look);
        assert_eq!(reach.advice(&address(), later), Advice::Pass);
        reach.fails(&address(), later);
        assert_eq!(reach.advice(&address(), later), Advice::Pass);
        assert_eq!(reach.advice(&address(), later + AGAIN), Advice::Look);
        reach.answers(&address());
        assert_eq!(reach.advice(&address(), later), Advice::Try);
    }

    #[test]
    fn another_key_is_another_address() {
        let (reach, now) = (Reach::new(AGAIN), Instant::now());
        reach.fails(&address(), now);
        let renewed = TlsAddress {
            pin: Pin::of(b"another key"),
            ..address()
        };
        assert_eq!(reach.advice(&renewed, now), Advice::Try);
        reach.fails(&renewed, now + 200 * AGAIN);
        assert_eq!(reach.lock().len(), 1, "the old one is forgotten");
    }
}
