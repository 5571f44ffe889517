//! Cookies nobody was let in with, remembered for a while: shown again and again, they are looked
//! for beside the log once. A secret is new when it is given out, so none becomes good later.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::entry::Digest;

/// How long one is remembered.
const WINDOW: Duration = Duration::from_secs(10);
/// How many are at most; beyond, they are looked for each time, a few at once.
const MOST: usize = 1_000;

/// What was looked for in vain.
#[derive(Debug, Default)]
pub(super) struct Misses {
    since: HashMap<Digest, Instant>,
}

impl Misses {
    /// Whether it was looked for in vain a moment ago.
    pub(super) fn has(&self, digest: &Digest, now: Instant) -> bool {
        let since = self.since.get(digest);
        since.is_some_and(|since| now.duration_since(*since) < WINDOW)
    }

    /// It was looked for in vain.
    pub(super) fn note(&mut self, digest: Digest, now: Instant) {
        if self.since.len() >= MOST {
            self.since
                .retain(|_, since| now.duration_since(*since) < WINDOW);
        }
        if self.since.len() < MOST {
            self.since.insert(digest, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_are_remembered_for_a_while_and_no_more_than_a_thousand() {
        let (mut misses, began) = (Misses::default(), Instant::now());
        misses.note([0; 32], began);
        assert!(misses.has(&[0; 32], began));
        assert!(!misses.has(&[1; 32], began));
        assert!(!misses.has(&[0; 32], began + WINDOW));
        for number in 0..2 * MOST as u64 {
            let mut digest = [1; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            misses.note(digest, began);
        }
        assert_eq!(misses.since.len(), MOST);
        misses.note([2; 32], began + WINDOW);
        assert_eq!(misses.since.len(), 1);
    }
}
