//! A digest of every table, so that two rebuilds can be compared.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use super::checkpoint::POLICIES;
use super::{ProjectionError, schema};

/// SHA-256 over every row of every table, in the order of their keys, in hexadecimal.
///
/// How far policies have come is left out: it is no fold of the log.
///
/// # Errors
/// When the file cannot be read.
pub fn of_file(file: &Path) -> Result<String, ProjectionError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(
        ProjectionError::database("opening the read model for its digest"),
    )?;
    of(&connection)
}

pub(crate) fn of(connection: &Connection) -> Result<String, ProjectionError> {
    let mut hash = Sha256::new();
    for (table, order) in schema::ORDER {
        hash.update(table.as_bytes());
        let sql = match table {
            "checkpoint" => format!("SELECT * FROM {table} WHERE name <> '{POLICIES}'"),
            _ => format!("SELECT * FROM {table} ORDER BY {order}"),
        };
        let mut statement = connection.prepare(&sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                update(&mut hash, row.get_ref(column)?);
            }
        }
    }
    Ok(hexadecimal(hash))
}

pub(super) fn hexadecimal(hash: Sha256) -> String {
    nexus_events::audit::chain::hex(hash.finalize().into())
}

/// Each value with its type and length, so that no two rows run together.
pub(super) fn update(hash: &mut Sha256, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.update([0]),
        ValueRef::Integer(number) => {
            hash.update([1]);
            hash.update(number.to_be_bytes());
        }
        ValueRef::Real(number) => {
            hash.update([2]);
            hash.update(number.to_be_bytes());
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.update([3]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
}
