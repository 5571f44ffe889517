//! Where messages go that cannot be read: out of the way, in sight, never lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_nats::Parked;

use crate::projections::rebuild::Unreadable;

/// The parked messages: on the bus, or in memory beside a log in memory.
#[derive(Debug, Clone)]
pub enum Parking {
    /// On the bus.
    Bus(Parked),
    /// In memory: sequence and cause.
    Memory(Arc<Mutex<Vec<(u64, String)>>>),
}

impl Parking {
    /// An empty one in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Parks an event, however long the bus takes to come back: nothing unreadable is passed
    /// over unseen. Parking one twice is harmless.
    pub(crate) async fn park(&self, unreadable: &Unreadable) {
        let Unreadable { message, cause } = unreadable;
        tracing::error!(
            sequence = message.sequence,
            cause,
            "an event cannot be read; it is parked"
        );
        metrics::counter!("nexus_dlq_events_total").increment(1);
        match self {
            Self::Memory(parked) => {
                let mut parked = parked.lock().unwrap_or_else(PoisonError::into_inner);
                parked.retain(|(sequence, _)| *sequence != message.sequence);
                parked.push((message.sequence, cause.clone()));
            }
            Self::Bus(parked) => {
                let mut pause = Duration::from_millis(100);
                while let Err(error) = parked.park_event(message, cause).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "parking again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
    }
}
