//! A second read model that is given every event, too, and answers nobody: compared with the one
//! that does, switched with it, and kept following afterwards, so that the way back loses nothing.
//!
//! ```text
//!  shadow: fold the log anew ─► follow ─► compare, row by row, as of one event
//!  switch: both let go of their files ─► the files change places ─► both go on
//! ```
//!
//! Readers wait for the moment in which the files change places; no read fails. It ends with the
//! process: what stands beside at the next start is not looked at.

use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint, READ_MODEL};
use super::model::Decoded;
use super::writer::Folder;
use super::{ProjectionError, database};

/// Where it is kept, beside `live`.
pub(super) fn file_of(live: &Path) -> PathBuf {
    live.with_extension("beside")
}

/// The one beside.
pub(super) struct Beside {
    file: PathBuf,
    folder: Folder,
}

impl Beside {
    /// What is in `file`, which has to be as far as `live`.
    pub(super) fn open(file: PathBuf, live: Option<&Checkpoint>) -> Result<Self, ProjectionError> {
        let folder = Folder::new(database::open_writer(&file)?);
        let own = checkpoint::load(&folder.connection, READ_MODEL)?;
        let place = |checkpoint: &Checkpoint| checkpoint.sequence;
        if own.as_ref().map(place) != live.map(place) {
            let how = format!("the one beside is at {own:?}, the live one at {live:?}");
            return Err(ProjectionError::OtherLog { how });
        }
        Ok(Self { file, folder })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn store(
        &mut self,
        events: &[Decoded],
        checkpoint: &Checkpoint,
    ) -> Result<(), ProjectionError> {
        self.folder.store(events, checkpoint).map(drop)
    }

    /// Gives its file the name `live` and the other one its own, while nobody else has either
    /// open; says where the other one is then.
    pub(super) fn change_places(
        self,
        live_folder: Folder,
        live: &Path,
    ) -> Result<PathBuf, ProjectionError> {
        for folder in [&self.folder, &live_folder] {
            // All of it into the file: the log beside it would be taken for the other one's.
            let busy: i64 = folder
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(ProjectionError::database("closing the read models"))?;
            if busy != 0 {
                return Err(ProjectionError::LookedAt);
            }
        }
        drop((self.folder, live_folder));
        let between = self.file.with_extension("between");
        for (from, to) in [
            (live, between.as_path()),
            (self.file.as_path(), live),
            (between.as_path(), self.file.as_path()),
        ] {
            std::fs::rename(from, to).map_err(|source| ProjectionError::File {
                attempt: "exchanging the read models at",
                path: from.to_owned(),
                source,
            })?;
        }
        Ok(self.file)
    }

    /// Ends it, and removes its file.
    pub(super) fn remove(self) -> Result<(), ProjectionError> {
        drop(self.folder);
        database::remove(&self.file)
    }
}
