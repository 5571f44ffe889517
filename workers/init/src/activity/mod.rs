//! When who was last at work: a few counters that every byte path touches.

pub(crate) mod work;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nexus_init_protocol::status::SourceActivity;
use nexus_init_protocol::{Activity, ActivitySource};

use tokio::sync::Notify;

use crate::clock::now_ms;

#[derive(Debug, Default)]
struct Counter {
    last_ms: AtomicU64,
    reported_ms: AtomicU64,
    count: AtomicU64,
}

/// Last activity by source.
#[derive(Debug, Default)]
pub(crate) struct ActivityLog {
    interval_ms: AtomicU64,
    interval_set: Notify,
    counters: [Counter; ActivitySource::ALL.len()],
}

impl ActivityLog {
    /// Activity of one source is due for a report at most once in this time.
    pub(crate) fn set_interval(&self, interval_ms: u64) {
        self.interval_ms.store(interval_ms, Relaxed);
        self.interval_set.notify_one();
    }

    /// The time set; zero before any plan.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.load(Relaxed))
    }

    /// Waits until it is set anew.
    pub(crate) async fn interval_set(&self) {
        self.interval_set.notified().await;
    }

    /// Notes `count` bytes or events of a source; the time when a report about it is due, else none.
    pub(crate) fn note(&self, source: ActivitySource, count: u64) -> Option<u64> {
        let now = now_ms();
        let counter = &self.counters[index(source)];
        counter.last_ms.store(now, Relaxed);
        counter.count.fetch_add(count, Relaxed);
        let reported = counter.reported_ms.load(Relaxed);
        let interval = self.interval_ms.load(Relaxed);
        let is_due = interval > 0 && now >= reported.saturating_add(interval);
        if !is_due {
            return None;
        }
        let claimed = counter
            .reported_ms
            .compare_exchange(reported, now, Relaxed, Relaxed);
        claimed.is_ok().then_some(now)
    }

    /// Every source that was ever active.
    pub(crate) fn snapshot(&self) -> Activity {
        let sources = ActivitySource::ALL.into_iter().filter_map(|source| {
            let counter = &self.counters[index(source)];
            let last_ms = counter.last_ms.load(Relaxed);
            let count = counter.count.load(Relaxed);
            (last_ms > 0).then_some(SourceActivity {
                source,
                last_ms,
                count,
            })
        });
        Activity {
            sources: sources.collect(),
        }
    }
}

fn index(source: ActivitySource) -> usize {
    match source {
        ActivitySource::Ssh => 0,
        ActivitySource::Terminal => 1,
        ActivitySource::Preview => 2,
        ActivitySource::Process => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_reported_once_per_interval() {
        let log = ActivityLog::default();
        assert_eq!(log.note(ActivitySource::Ssh, 3), None, "no plan yet");
        log.set_interval(3_600_000);
        assert!(log.note(ActivitySource::Ssh, 3).is_some());
        assert_eq!(log.note(ActivitySource::Ssh, 4), None);
        assert!(
            log.note(ActivitySource::Terminal, 1).is_some(),
            "each source has its own"
        );
        let seen = log.snapshot();
        assert_eq!(seen.sources.len(), 2);
        assert_eq!(seen.sources[0].count, 10);
        assert!(seen.last_ms().is_some());
    }
}
