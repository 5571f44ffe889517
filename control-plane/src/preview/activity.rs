//! Use of a preview keeps its workspace running: told now and then, not with every request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nexus_events::workspace::ActivitySource;

use super::{Entry, Previews};
use crate::commands::RequestContext;
use crate::queries::WorkspaceRef;

/// How often at most.
const EVERY: Duration = Duration::from_secs(30);

/// When use was told last: milliseconds after its making, and one; 0 before the first time.
#[derive(Debug)]
pub(super) struct Noted {
    began: Instant,
    last: AtomicU64,
}

impl Default for Noted {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Noted {
    /// Whether it is time to tell again; whoever is told so tells.
    fn is_due(&self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.began).as_millis();
        let at = u64::try_from(passed).unwrap_or(u64::MAX - 1) + 1;
        let last = self.last.load(Ordering::Relaxed);
        let due = last == 0 || at - last.min(at) >= EVERY.as_millis() as u64;
        due && self
            .last
            .compare_exchange(last, at, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

impl Previews {
    /// Tells that `entry` used its workspace, unless that was told a moment ago.
    pub(super) fn note_use(&self, entry: &Entry) {
        if !entry.noted.is_due(Instant::now()) {
            return;
        }
        let (app, identity) = (self.parts.app.clone(), entry.identity);
        let workspace = WorkspaceRef::Id(entry.host.workspace);
        tokio::spawn(async move {
            let context = RequestContext::new(app.now());
            let source = ActivitySource::Preview;
            let told = app
                .commands()
                .observe_activity(&identity, &workspace, source, &context)
                .await;
            if let Err(error) = told {
                tracing::debug!(%error, "use of a preview could not be told");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_told_at_once_and_then_now_and_then() {
        let noted = Noted::default();
        let start = noted.began;
        assert!(noted.is_due(start));
        assert!(!noted.is_due(start));
        assert!(!noted.is_due(start + EVERY - Duration::from_millis(1)));
        assert!(noted.is_due(start + EVERY));
        assert!(!noted.is_due(start + EVERY));
    }
}
