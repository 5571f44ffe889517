//! Two read models compared row by row: the one that answers, and one made from the log anew.

use std::cmp::Ordering;

use nexus_events::view::{DifferenceView, TableView};
use rusqlite::types::Value;
use rusqlite::{Connection, Rows};
use sha2::{Digest as _, Sha256};

use super::{ProjectionError, digest, schema};

/// Rows named one by one in each table; what more is different is told by the digests.
const NAMED: usize = 20;

/// Every table of both. How far each has come is not a fold of the log, and is left out.
pub(super) fn tables(
    live: &Connection,
    anew: &Connection,
) -> Result<Vec<TableView>, ProjectionError> {
    let compared = schema::ORDER
        .into_iter()
        .filter(|(table, _)| *table != "checkpoint");
    compared
        .map(|(table, order)| compare(live, anew, table, order))
        .collect()
}

fn compare(
    live: &Connection,
    anew: &Connection,
    table: &str,
    order: &str,
) -> Result<TableView, ProjectionError> {
    let sql = format!("SELECT * FROM {table} ORDER BY {order}");
    let (mut left, mut right) = (live.prepare(&sql)?, anew.prepare(&sql)?);
    let (mut left, mut right) = (Side::of(left.query([])?)?, Side::of(right.query([])?)?);
    let mut different = Vec::new();
    loop {
        let (key, how) = match (&left.row, &right.row) {
            (None, None) => break,
            (Some(one), Some(other)) => match order_of(&one[0], &other[0]) {
                Ordering::Equal => {
                    let how = (one != other).then_some("it is another one");
                    (one[0].clone(), how)
                }
                Ordering::Less => (one[0].clone(), Some("the log does not lead to it")),
                Ordering::Greater => (other[0].clone(), Some("it is missing")),
            },
            (Some(one), None) => (one[0].clone(), Some("the log does not lead to it")),
            (None, Some(other)) => (other[0].clone(), Some("it is missing")),
        };
        if let Some(how) = how
            && different.len() < NAMED
        {
            let key = text(&key);
            let how = how.to_owned();
            different.push(DifferenceView { key, how });
        }
        // Each side whose row has this key goes on; a side that is behind waits.
        for side in [&mut left, &mut right] {
            if side.row.as_ref().is_some_and(|row| row[0] == key) {
                side.go_on()?;
            }
        }
    }
    let (digest, expected) = (left.digest(), right.digest());
    Ok(TableView {
        name: table.to_owned(),
        rows: left.rows_seen,
        expected_rows: right.rows_seen,
        equal: digest == expected,
        digest,
        expected_digest: expected,
        different,
    })
}

/// One of the two, at a row.
struct Side<'a> {
    rows: Rows<'a>,
    row: Option<Vec<Value>>,
    rows_seen: u64,
    hash: Sha256,
}

impl<'a> Side<'a> {
    fn of(rows: Rows<'a>) -> Result<Self, ProjectionError> {
        let mut side = Self {
            rows,
            row: None,
            rows_seen: 0,
            hash: Sha256::new(),
        };
        side.go_on()?;
        Ok(side)
    }

    fn go_on(&mut self) -> Result<(), ProjectionError> {
        self.row = match self.rows.next()? {
            None => None,
            Some(row) => {
                self.rows_seen += 1;
                let columns = row.as_ref().column_count();
                let mut values = Vec::with_capacity(columns);
                for column in 0..columns {
                    digest::update(&mut self.hash, row.get_ref(column)?);
                    values.push(row.get(column)?);
                }
                Some(values)
            }
        };
        Ok(())
    }

    fn digest(&mut self) -> String {
        digest::hexadecimal(std::mem::take(&mut self.hash))
    }
}

/// The order SQLite gives keys of one type.
fn order_of(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        (Value::Blob(one), Value::Blob(other)) => one.cmp(other),
        // No column holds two types (STRICT).
        _ => text(one).cmp(&text(other)),
    }
}

/// A key as it is spelled outside.
fn text(key: &Value) -> String {
    match key {
        Value::Blob(bytes) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(bytes) => uuid::Uuid::from_bytes(bytes).simple().to_string(),
            Err(_) => format!("{bytes:02x?}"),
        },
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Null => String::new(),
    }
}
