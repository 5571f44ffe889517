//! Messages that were set aside, for the people who can do something about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Queries, QueryError};
use crate::identity::Identity;
use crate::parking::Parking;

/// A message that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParkedView {
    /// Its number among the parked ones, for retrying and discarding.
    pub sequence: u64,
    /// The subject it stood on.
    pub subject: String,
    /// Why it was parked.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it carried, as text.
    pub payload: String,
}

impl Queries {
    /// Everything parked, oldest first.
    ///
    /// # Errors
    /// When `identity` is no administrator, or the bus does not answer.
    pub async fn parked(&self, identity: &Identity) -> Result<Vec<ParkedView>, QueryError> {
        if !identity.is_admin() {
            return Err(QueryError::Forbidden);
        }
        match &self.backbone.parking {
            Parking::Bus(parked) => {
                let messages = parked.list().await?;
                Ok(messages.into_iter().map(ParkedView::from).collect())
            }
            Parking::Memory(parked) => {
                let parked = parked
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(parked.iter().map(ParkedView::from).collect())
            }
        }
    }
}

impl From<nexus_nats::parked::ParkedMessage> for ParkedView {
    fn from(message: nexus_nats::parked::ParkedMessage) -> Self {
        Self {
            sequence: message.id,
            subject: message.subject,
            reason: message.reason,
            attempts: message.attempts,
            at: Some(message.at),
            payload: String::from_utf8_lossy(&message.payload).into_owned(),
        }
    }
}

impl From<&(u64, String)> for ParkedView {
    fn from((sequence, reason): &(u64, String)) -> Self {
        Self {
            sequence: *sequence,
            subject: format!("event {sequence}"),
            reason: reason.clone(),
            attempts: 1,
            at: None,
            payload: String::new(),
        }
    }
}
