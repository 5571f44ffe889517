//! Waiting for the read model: for an event, or for a state.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Queries, QueryError};

/// How long a read waits for what this server appended itself.
const OWN_WRITES: Duration = Duration::from_secs(1);

impl Queries {
    /// The newest event projected.
    pub fn sequence(&self) -> u64 {
        *self.sequence.borrow()
    }

    /// The newest event projected, and when that changes.
    pub fn projected(&self) -> tokio::sync::watch::Receiver<u64> {
        self.sequence.clone()
    }

    /// Waits until what this server appended itself is projected, so that whoever was told of a
    /// write here reads it here. Mostly it is already; it is not waited for longer than a second.
    pub async fn catch_up_with_own_writes(&self) {
        let written = self.written.load(Ordering::Acquire);
        if self.sequence() < written {
            // Late is no reason to refuse: the answer says how fresh it is.
            let _ = self.wait_for(written, OWN_WRITES).await;
        }
    }

    /// Notes an event this server appended.
    pub(crate) fn note_written(&self, sequence: u64) {
        self.written.fetch_max(sequence, Ordering::AcqRel);
    }

    /// Waits until `sequence` is projected: who waits for their write's sequence reads their write.
    ///
    /// # Errors
    /// When it is not within `timeout`.
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> Result<(), QueryError> {
        let mut projected = self.sequence.clone();
        let reached = tokio::time::timeout(timeout, projected.wait_for(|now| *now >= sequence));
        match reached.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(QueryError::NotYetVisible {
                wanted: sequence,
                reached: self.sequence(),
            }),
        }
    }

    /// Asks again after every change of the read model until the answer is yes or time is up.
    pub(super) async fn until(
        &self,
        wait: Duration,
        mut is_so: impl FnMut() -> Result<bool, QueryError>,
    ) -> Result<bool, QueryError> {
        let deadline = Instant::now() + wait;
        let mut projected = self.sequence.clone();
        loop {
            projected.borrow_and_update();
            if is_so()? {
                return Ok(true);
            }
            match timeout_at(deadline, projected.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(false),
            }
        }
    }
}
