//! One at a time per aggregate, inside this process.
//!
//! Sixteen writers racing on one aggregate need twelve tries each when the server sorts them out;
//! waiting in line they need one. Across processes the expected sequence decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Line, OwnedMutexGuard};

use crate::subject::EventSubject;

type Lines = Mutex<HashMap<EventSubject, Arc<Line<()>>>>;

/// The lines in which callers wait, one for each aggregate someone works on.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    lines: Arc<Lines>,
}

/// The right to decide about one aggregate; it ends when dropped.
#[derive(Debug)]
pub struct Turn {
    subject: EventSubject,
    lines: Arc<Lines>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    pub(super) async fn wait_for(&self, subject: &EventSubject) -> Turn {
        let line = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lines.entry(subject.clone()).or_default())
        };
        let guard = line.lock_owned().await;
        Turn {
            subject: subject.clone(),
            lines: Arc::clone(&self.lines),
            guard: Some(guard),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.guard.take());
        // The map's own reference is the last one when nobody waits: the line can go.
        if lines
            .get(&self.subject)
            .is_some_and(|line| Arc::strong_count(line) == 1)
        {
            lines.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_events::aggregate::Kind;

    #[tokio::test]
    async fn lines_are_forgotten_when_nobody_waits() {
        let turns = Turns::default();
        let subject = EventSubject::new(Kind::Claim, &"port-1").unwrap();
        let first = turns.wait_for(&subject).await;
        let second = turns.wait_for(&subject);
        tokio::pin!(second);
        assert!(
            futures::poll!(second.as_mut()).is_pending(),
            "the line is taken"
        );
        drop(first);
        drop(second.await);
        assert!(turns.lines.lock().unwrap().is_empty());
    }
}
