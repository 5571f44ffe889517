//! How far what is sent may be ahead of what a viewer has shown.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use nexus_init_protocol::terminal::CREDIT_BYTES;
use tokio::sync::Notify;

/// Bytes acknowledged until init is told.
const STEP: u64 = CREDIT_BYTES / 4;

/// What was sent and what was shown, by the numbers of bytes. Of one task: its loops see each
/// other's changes in order.
#[derive(Debug, Default)]
pub(super) struct Window {
    sent: AtomicU64,
    acked: AtomicU64,
    told: AtomicU64,
    acks: AtomicBool,
    typing: AtomicBool,
    moved: Notify,
    due: Notify,
}

impl Window {
    /// Counting begins with this byte.
    pub(super) fn begin(&self, from: u64) {
        for counter in [&self.sent, &self.acked, &self.told] {
            counter.store(from, Relaxed);
        }
    }

    /// Every byte before this one was sent.
    pub(super) fn sent(&self, end: u64) {
        self.sent.store(end, Relaxed);
    }

    /// Every byte before this one was shown. Nobody can have shown what was not sent.
    pub(super) fn ack(&self, offset: u64) {
        let offset = offset.min(self.sent.load(Relaxed));
        let before = self.acked.fetch_max(offset, Relaxed);
        let first = !self.acks.swap(true, Relaxed);
        let step = before.max(offset).saturating_sub(self.told.load(Relaxed)) >= STEP;
        if first || step {
            self.due.notify_one();
        }
        self.moved.notify_one();
    }

    /// Typed bytes wait for the program, or no longer do.
    pub(super) fn typing(&self, waits: bool) {
        self.typing.store(waits, Relaxed);
        if waits {
            self.moved.notify_one();
        }
    }

    /// Whether more may be sent.
    pub(super) fn has_room(&self) -> bool {
        let ahead = self
            .sent
            .load(Relaxed)
            .saturating_sub(self.acked.load(Relaxed));
        !self.acks.load(Relaxed) || self.typing.load(Relaxed) || ahead < CREDIT_BYTES
    }

    /// Waits until that may have changed.
    pub(super) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Waits until init should know how far the viewer is; gives that.
    pub(super) async fn due(&self) -> u64 {
        self.due.notified().await;
        let acked = self.acked.load(Relaxed);
        self.told.store(acked, Relaxed);
        acked
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn only_who_acknowledges_is_waited_for() {
        let window = Window::default();
        window.begin(1000);
        window.sent(1000 + 10 * CREDIT_BYTES);
        assert!(window.has_room());
        window.ack(1000);
        assert!(!window.has_room());
        assert_eq!(window.due().now_or_never(), Some(1000));
        window.typing(true);
        assert!(
            window.has_room(),
            "the program may wait for its output to be taken"
        );
        window.typing(false);
        window.ack(u64::MAX);
        assert!(window.has_room());
        assert_eq!(window.due().now_or_never(), Some(1000 + 10 * CREDIT_BYTES));
        window.ack(5);
        assert!(window.has_room(), "nothing is taken back");
        assert_eq!(window.due().now_or_never(), None);
    }
}
