//! Verifying the read model: the log is folded anew beside it, and the two compared row by row
//! as of the same event, while the live one goes on answering and projecting.

use std::path::{Path, PathBuf};

use nexus_events::view::{ProjectionWorkView, TableView};
use rusqlite::Connection;

use super::checkpoint::{self, READ_MODEL};
use super::{ProjectionError, compare, database};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The event both were compared at.
    pub sequence: u64,
    /// Each table.
    pub tables: Vec<TableView>,
}

impl Compared {
    /// Whether every row is as the log has it.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| table.equal)
    }

    /// Two views taken at the same event.
    pub(crate) fn of(live: &Connection, beside: &Connection) -> Result<Self, ProjectionError> {
        let checkpoint = checkpoint::load(live, READ_MODEL)?;
        Ok(Self {
            sequence: checkpoint.map_or(0, |checkpoint| checkpoint.sequence),
            tables: compare::tables(live, beside)?,
        })
    }

    /// As the API answers it.
    pub(crate) fn told_in(self, view: ProjectionWorkView) -> ProjectionWorkView {
        ProjectionWorkView {
            running: false,
            sequence: Some(self.sequence),
            tables: self.tables,
            ..view
        }
    }
}

/// Where one is made that is to be compared and thrown away.
pub(super) fn file_of(live: &Path) -> PathBuf {
    live.with_extension("verifying")
}

/// Compares a view of the live one with the file that was made anew, and removes that.
pub(super) fn compared(
    live: &Connection,
    file: &Path,
    sequence: u64,
) -> Result<Compared, ProjectionError> {
    let tables = database::open_view(file).and_then(|anew| compare::tables(live, &anew));
    database::remove(file)?;
    Ok(Compared {
        sequence,
        tables: tables?,
    })
}
