//! The one clock: handed in everywhere, so that tests set it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Tells the time. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    set: Option<Arc<Mutex<Timestamp>>>,
}

impl Clock {
    /// The system's: the time as the log's server has it, once that was asked.
    pub const fn system() -> Self {
        Self { set: None }
    }

    /// One that stands still until it is set.
    pub fn standing_at(now: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(Mutex::new(now))),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match &self.set {
            None => nexus_nats::clock::now(),
            Some(set) => *set.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Sets a standing clock; the system's stays as it is.
    pub fn set(&self, now: Timestamp) {
        if let Some(set) = &self.set {
            *set.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}
