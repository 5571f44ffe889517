//! The read models themselves: how far each has come.

use nexus_events::view::ProjectionView;

use super::{Queries, QueryError};
use crate::projections::checkpoint::{POLICIES, READ_MODEL};
use crate::projections::load_checkpoint;

impl Queries {
    /// What is derived from the log, and how far it is behind it.
    ///
    /// # Errors
    /// When the read model fails.
    pub async fn projections(&self, rebuilding: bool) -> Result<Vec<ProjectionView>, QueryError> {
        let freshness = self.freshness().await;
        let reacted = load_checkpoint(&self.database, POLICIES)?;
        let end = freshness.log_sequence.unwrap_or(freshness.sequence);
        let view = |name: &str, sequence: u64, rebuilding| ProjectionView {
            name: name.to_owned(),
            sequence,
            lag: end.saturating_sub(sequence),
            rebuilding,
        };
        let reacted = reacted.map_or(0, |checkpoint| checkpoint.sequence);
        Ok(vec![
            view(READ_MODEL, freshness.sequence, rebuilding),
            view(POLICIES, reacted, false),
        ])
    }
}
