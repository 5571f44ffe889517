//! The memory of all relayed streams of one side: each takes its window out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::WINDOW;

/// What all windows of one direction may take together.
const TOTAL: usize = 64 << 20;
/// The least window a stream is given; without it there is no stream.
const LEAST: usize = 32 << 10;
/// A stream takes at most this share of what is left, so that the last ones get less instead of
/// nothing: 192 streams have a full window, some 390 have one at all.
const SHARE: usize = 64;

/// What is left. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<AtomicUsize>);

/// A stream's window, given back when dropped.
#[derive(Debug)]
pub(super) struct Grant {
    pool: Pool,
    bytes: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(TOTAL)))
    }
}

impl Pool {
    /// A window, or `None` when too little is left.
    pub(super) fn take(&self) -> Option<Grant> {
        let share = |left: usize| (left / SHARE).clamp(LEAST, WINDOW);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(share(left))
            });
        let pool = self.clone();
        taken.ok().map(|left| Grant {
            pool,
            bytes: share(left),
        })
    }
}

impl Grant {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.pool.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_get_smaller_then_there_are_none_until_one_is_given_back() {
        let pool = Pool::default();
        let mut grants: Vec<Grant> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(grants[0].bytes(), WINDOW);
        assert!(grants.iter().map(Grant::bytes).sum::<usize>() <= TOTAL);
        assert!(grants.len() > 300, "{} streams", grants.len());
        grants.pop();
        assert!(pool.take().is_some());
        drop(grants);
        assert_eq!(pool.take().unwrap().bytes(), WINDOW);
    }
}
