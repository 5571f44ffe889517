//! The connections that wait for one workspace: few enough, and honest ones get in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections of one workspace that have said nothing yet; another one evicts the oldest.
const SILENT: usize = 64;
/// Connections of one workspace that are held while it comes up.
const HELD: usize = 64;

/// Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    silent: Arc<Mutex<VecDeque<CancellationToken>>>,
    held: Arc<Semaphore>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            silent: Arc::default(),
            held: Arc::new(Semaphore::new(HELD)),
        }
    }
}

/// A place among the silent ones, left when dropped.
#[derive(Debug)]
pub(super) struct Silent {
    waiting: Waiting,
    /// Cancelled when newer ones need the place.
    pub(super) evicted: CancellationToken,
}

impl Waiting {
    /// A place for a connection that has said nothing yet: there always is one.
    pub(super) fn silent(&self) -> Silent {
        let evicted = CancellationToken::new();
        let mut silent = self.lock();
        if silent.len() >= SILENT
            && let Some(oldest) = silent.pop_front()
        {
            oldest.cancel();
        }
        silent.push_back(evicted.clone());
        Silent {
            waiting: self.clone(),
            evicted,
        }
    }

    /// A place for one that has spoken, while there is room.
    pub(super) fn hold(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.held).try_acquire_owned().ok()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CancellationToken>> {
        // Every change is a single push or removal, so a panic elsewhere leaves nothing torn.
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // It is in the queue exactly as long as it was not cancelled; then it cancels itself, so
        // that the one to be taken out is known by that.
        if !self.evicted.is_cancelled() {
            self.evicted.cancel();
            self.waiting.lock().retain(|token| !token.is_cancelled());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_silent_one_makes_room() {
        let waiting = Waiting::default();
        let mut places: VecDeque<Silent> = (0..SILENT).map(|_| waiting.silent()).collect();
        places.pop_back();
        let fits = waiting.silent();
        assert!(places.iter().all(|place| !place.evicted.is_cancelled()));
        let newest = waiting.silent();
        assert!(places[0].evicted.is_cancelled(), "the oldest goes");
        assert!(!places[1].evicted.is_cancelled());
        assert!(!fits.evicted.is_cancelled() && !newest.evicted.is_cancelled());
        assert_eq!(waiting.lock().len(), SILENT);
        drop((places, fits, newest));
        assert!(waiting.lock().is_empty());
    }

    #[test]
    fn a_bounded_number_is_held() {
        let waiting = Waiting::default();
        let held: Vec<_> = std::iter::from_fn(|| waiting.hold()).collect();
        assert_eq!(held.len(), HELD);
        drop(held);
        assert!(waiting.hold().is_some());
    }
}
