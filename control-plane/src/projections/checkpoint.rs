//! How far the log was projected, and which log that was.

use jiff::Timestamp;
use nexus_events::id::EventId;
use nexus_nats::Log;
use rusqlite::{Connection, OptionalExtension, params};

use super::ProjectionError;
use super::columns::{micros, time};

/// A place in a log that can be told from every other log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last event projected; 0 before the first.
    pub(crate) sequence: u64,
    /// Its id, where it had one.
    pub(crate) event: Option<EventId>,
    /// When the stream was made.
    pub(crate) log_created: Timestamp,
}

/// The read models' own checkpoint.
pub(crate) const READ_MODEL: &str = "read-model";
/// How far policies have reacted.
pub(crate) const POLICIES: &str = "policies";

impl Checkpoint {
    pub(crate) const fn start(log_created: Timestamp) -> Self {
        Self {
            sequence: 0,
            event: None,
            log_created,
        }
    }

    /// Makes sure that the log still is the one this checkpoint was taken of, and as long.
    pub(crate) async fn verify(&self, log: &Log) -> Result<(), ProjectionError> {
        let alarm = |how: String| Err(ProjectionError::OtherLog { how });
        let info = log.info().await?;
        // Columns hold microseconds.
        if micros(info.created) != micros(self.log_created) {
            return alarm(format!(
                "made at {}, expected {}",
                info.created, self.log_created
            ));
        }
        if info.last_sequence < self.sequence {
            let last = info.last_sequence;
            return alarm(format!(
                "it ends at event {last}, {} was projected",
                self.sequence
            ));
        }
        let Some(expected) = self.event else {
            return Ok(());
        };
        let found = log
            .get(self.sequence)
            .await?
            .and_then(|recorded| recorded.id);
        if found == Some(expected) {
            Ok(())
        } else {
            alarm(format!("event {} is not {expected}", self.sequence))
        }
    }
}

pub(super) fn load(
    connection: &Connection,
    name: &str,
) -> Result<Option<Checkpoint>, ProjectionError> {
    let row = connection
        .prepare_cached("SELECT sequence, event, log_created FROM checkpoint WHERE name = ?1")?
        .query_row([name], |row| {
            Ok((
                row.get::<_, u64>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })
        .optional()?;
    Ok(row.map(|(sequence, event, created)| Checkpoint {
        sequence,
        event: event.and_then(|id| id.parse().ok()),
        log_created: time(created),
    }))
}

pub(super) fn store(
    connection: &Connection,
    name: &str,
    checkpoint: &Checkpoint,
) -> Result<(), ProjectionError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoint (name, sequence, event, log_created)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            name,
            checkpoint.sequence,
            checkpoint.event.map(|id| id.to_string()),
            micros(checkpoint.log_created),
        ])?;
    Ok(())
}
