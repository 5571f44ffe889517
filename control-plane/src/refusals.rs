//! Where refusals are kept: on the bus, or in memory beside a log in memory.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_events::refusal::Refused;
use nexus_nats::refusals::RefusalsError;

/// The refusals.
#[derive(Debug, Clone)]
pub enum Refusals {
    /// On the bus.
    Bus(nexus_nats::Refusals),
    /// In memory.
    Memory(Arc<Mutex<Vec<Refused>>>),
}

impl Refusals {
    /// None, in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Keeps one. What cannot be kept is told to whoever operates the server: nobody is let in
    /// because of it.
    pub(crate) async fn keep(&self, refused: Refused) {
        match self {
            Self::Bus(refusals) => {
                if let Err(error) = refusals.keep(&refused).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, path = refused.path, "a refusal is not kept");
                }
            }
            Self::Memory(refusals) => {
                let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
                let number = refusals.len() as u64 + 1;
                refusals.push(Refused { number, ..refused });
            }
        }
    }

    /// Everything kept, oldest first.
    pub(crate) async fn all(&self) -> Result<Vec<Refused>, RefusalsError> {
        match self {
            Self::Bus(refusals) => refusals.all().await,
            Self::Memory(refusals) => {
                let refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(refusals.clone())
            }
        }
    }
}
