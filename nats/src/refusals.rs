//! What was asked and refused, kept for a while beside the log (`nexus.refused`).
//!
//! Never in the log: nothing happened, and whoever may ask could fill it. The stream is bounded,
//! and its oldest go first.

use std::time::Duration;

use nexus_events::refusal::Refused;

use crate::call::CallError;
use crate::connect::Bus;
use crate::feed::{Fed, Feed, FeedMessage, Start};
use crate::topology::REFUSALS;

/// Where refusals go.
pub const SUBJECT: &str = "nexus.refused";

/// How long keeping one may take; whoever was refused waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a refusal could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RefusalsError {
    /// The bus did not answer or refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It cannot be written as JSON.
    #[error("writing a refusal as JSON")]
    Encode(#[from] serde_json::Error),
}

/// The refusals on a bus. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Refusals {
    bus: Bus,
}

impl Refusals {
    /// Those on this bus.
    pub fn on(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// Keeps one, and waits until it is kept.
    ///
    /// # Errors
    /// See [`RefusalsError`]; the refusal stands all the same.
    pub async fn keep(&self, refused: &Refused) -> Result<(), RefusalsError> {
        let payload = serde_json::to_vec(refused)?.into();
        self.bus
            .call::<serde_json::Value>(
                "keeping a refusal",
                SUBJECT.to_owned(),
                None,
                payload,
                PATIENCE,
            )
            .await?;
        Ok(())
    }

    /// Everything kept, oldest first, each with its number.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn all(&self) -> Result<Vec<Refused>, RefusalsError> {
        let mut feed = Feed::new(self.bus.clone(), REFUSALS, SUBJECT.to_owned());
        let mut all = Vec::new();
        let mut position = 0;
        loop {
            if !feed.is_open() {
                feed.open(Start::At(position + 1)).await?;
            }
            match feed.next().await {
                Fed::Message(message) => {
                    position = message.sequence;
                    let last = message.pending == 0;
                    all.extend(stored(&message));
                    if last {
                        return Ok(all);
                    }
                }
                Fed::CaughtUp => return Ok(all),
                Fed::Closed => {}
            }
        }
    }
}

/// `None` for what is no refusal: a newer server's, perhaps.
fn stored(message: &FeedMessage) -> Option<Refused> {
    match serde_json::from_slice::<Refused>(&message.payload) {
        Ok(refused) => Some(Refused {
            number: message.sequence,
            ..refused
        }),
        Err(error) => {
            tracing::warn!(%error, sequence = message.sequence, "a refusal that cannot be read");
            None
        }
    }
}
