//! The connections that have shown no ticket yet: so many, and the oldest goes for the newest.
//!
//! Refusing the newest would let whoever holds connections open keep everyone out. One that is
//! honest is a stranger for some milliseconds only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All of them.
#[derive(Debug)]
pub(super) struct Strangers {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    cuts: BTreeMap<u64, CancellationToken>,
}

/// One of them; none any more when dropped.
#[derive(Debug)]
pub(super) struct Stranger {
    all: Arc<Strangers>,
    number: u64,
    /// Cancelled when it has to go.
    pub(super) cut: CancellationToken,
}

impl Strangers {
    pub(super) fn at_most(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
        })
    }

    /// Takes one more; the oldest is cut when that is one too many.
    pub(super) fn admit(self: &Arc<Self>) -> Stranger {
        let cut = CancellationToken::new();
        let mut open = self.lock();
        if open.cuts.len() >= self.most
            && let Some((_, oldest)) = open.cuts.pop_first()
        {
            oldest.cancel();
        }
        let number = open.next;
        open.next += 1;
        open.cuts.insert(number, cut.clone());
        drop(open);
        let all = Arc::clone(self);
        Stranger { all, number, cut }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Every change is a single insert or remove, so a panic elsewhere leaves nothing torn.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.all.lock().cuts.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_for_the_newest() {
        let strangers = Strangers::at_most(2);
        let [first, second] = [strangers.admit(), strangers.admit()];
        assert!(!first.cut.is_cancelled());
        let third = strangers.admit();
        assert!(first.cut.is_cancelled());
        assert!(!second.cut.is_cancelled() && !third.cut.is_cancelled());
        // Whoever was let in makes room without anybody's end.
        drop(second);
        let fourth = strangers.admit();
        assert!(!third.cut.is_cancelled() && !fourth.cut.is_cancelled());
        assert_eq!(strangers.lock().cuts.len(), 2);
    }
}
