//! Retry and discard: what a person does about a parked message.

use nexus_nats::parked::ParkedError;

use super::{CommandError, Commands};
use crate::identity::Identity;
use crate::parking::Parking;

impl Commands {
    /// Puts a parked command back into the queue.
    ///
    /// # Errors
    /// See [`CommandError`]; an event cannot be retried, it is read again by a rebuild.
    pub async fn retry_parked(&self, identity: &Identity, id: u64) -> Result<(), CommandError> {
        match self.parking(identity)? {
            Parking::Bus(parked) => Ok(parked.retry(id).await?),
            Parking::Memory(_) => Err(ParkedError::NotACommand { id }.into()),
        }
    }

    /// Forgets a parked message for good.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn discard_parked(&self, identity: &Identity, id: u64) -> Result<(), CommandError> {
        match self.parking(identity)? {
            Parking::Bus(parked) => Ok(parked.discard(id).await?),
            Parking::Memory(list) => {
                let mut list = list
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let before = list.len();
                list.retain(|(sequence, _)| *sequence != id);
                let found = list.len() < before;
                if found {
                    Ok(())
                } else {
                    Err(ParkedError::NotFound { id }.into())
                }
            }
        }
    }

    fn parking(&self, identity: &Identity) -> Result<&Parking, CommandError> {
        if identity.is_admin() {
            return Ok(&self.queries.backbone.parking);
        }
        let what = "only an administrator may decide about parked messages".into();
        Err(CommandError::Forbidden { what })
    }
}
