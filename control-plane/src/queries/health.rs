//! How fresh the read model is.

use super::Queries;

/// How far the read model is, against the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The newest event projected.
    pub sequence: u64,
    /// The newest event of the log; `None` when the log does not answer.
    pub log_sequence: Option<u64>,
    /// Events of the log that are not projected yet, as far as is known.
    pub lag: u64,
}

impl Queries {
    /// How far the read model is behind the log.
    pub async fn freshness(&self) -> Freshness {
        let log_sequence = self
            .backbone
            .log
            .info()
            .await
            .ok()
            .map(|info| info.last_sequence);
        let sequence = self.sequence();
        let lag = log_sequence.unwrap_or(sequence).saturating_sub(sequence);
        Freshness {
            sequence,
            log_sequence,
            lag,
        }
    }
}

impl Queries {
    /// How many workspaces there are, by provider and phase.
    pub(crate) fn workspace_counts(&self) -> Result<Vec<(String, String, f64)>, super::QueryError> {
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT provider, phase, count(*) FROM workspaces
                 WHERE provider IS NOT NULL GROUP BY provider, phase",
            )?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
