//! How ids, times and documents are kept in columns.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ProjectionError, Record};

/// Microseconds since 1970: times compare and index as integers.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time a column holds.
pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A state as JSON.
pub(crate) fn document(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("states have string keys and serialize")
}

/// A state from JSON.
pub(crate) fn parsed<T: DeserializeOwned>(
    table: &'static str,
    text: &str,
) -> Result<T, ProjectionError> {
    serde_json::from_str(text).map_err(|source| ProjectionError::Row { table, source })
}

/// The record of one aggregate: `sql` gives its sequence, time and state.
pub(crate) fn record<A: DeserializeOwned>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    key: impl ToSql,
) -> Result<Option<Record<A>>, ProjectionError> {
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement
        .query_row([key], |row| {
            Ok((
                row.get::<_, u64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .optional()?;
    row.map(|(sequence, updated_at, state)| {
        let state = parsed(table, &state)?;
        Ok(Record {
            state,
            sequence,
            updated_at: time(updated_at),
        })
    })
    .transpose()
}
