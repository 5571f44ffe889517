//! Whether the other end takes what it is given.
//!
//! An answer is asked for its next piece as soon as there is room for one, so one that is not asked
//! again has a reader that takes nothing. A timer set with every event would cost every reader;
//! this looks now and then whether anything was asked for since the last look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::http::listen::HangUp;

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// How many looks on end may see the same piece not taken: ten seconds at least, as for a frame.
const LOOKS: u32 = 2;

/// How far one reader is.
#[derive(Debug)]
pub(super) struct Taking {
    turn: Arc<AtomicU64>,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl Taking {
    /// Of a reader that is hung up on, where that can be done, once it takes nothing. Needs a
    /// runtime.
    pub(super) fn watched(hang_up: Option<HangUp>) -> Self {
        Self::looked_at(hang_up, LOOK)
    }

    fn looked_at(hang_up: Option<HangUp>, look: Duration) -> Self {
        let turn = Arc::<AtomicU64>::default();
        let watch = hang_up.map(|hang_up| {
            let turn = Arc::clone(&turn);
            AbortOnDropHandle::new(tokio::spawn(async move {
                stuck(&turn, look).await;
                hang_up.now();
            }))
        });
        Self {
            turn,
            _watch: watch,
        }
    }

    /// There is room for a piece.
    pub(super) fn asked(&mut self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// There is a piece.
    pub(super) fn given(&mut self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until one piece was given and not taken for too long. Turns alternate: an odd one waits
/// for an event, which may take for ever.
async fn stuck(turn: &AtomicU64, look: Duration) {
    let (mut last, mut seen) = (turn.load(Ordering::Relaxed), 0);
    while seen < LOOKS {
        tokio::time::sleep(look).await;
        let now = turn.load(Ordering::Relaxed);
        let waits_for_event = now % 2 == 1;
        seen = if now == last && !waits_for_event {
            seen + 1
        } else {
            0
        };
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_left_and_who_takes_nothing_is_not() {
        let look = Duration::from_millis(5);
        let hang_up = HangUp::default();
        let mut taking = Taking::looked_at(Some(hang_up.clone()), look);
        taking.asked();
        let quiet = tokio::time::timeout(look * 20, hang_up.asked());
        assert!(
            quiet.await.is_err(),
            "hung up on a reader with nothing to read"
        );
        taking.given();
        let begun = tokio::time::Instant::now();
        hang_up.asked().await;
        assert!(begun.elapsed() >= look, "{:?}", begun.elapsed());
    }
}
