//! Moving what the write-ahead log holds into the file, beside the writer.
//!
//! SQLite would do it within a commit, every thousand pages, and wait for the disk there; whoever
//! follows the events would wait with it. A passive checkpoint on a connection of its own stops
//! neither the writer nor a reader.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::ProjectionError;

/// Commits between two checkpoints. A commit of one event writes some ten pages of 4 KiB, so the
/// log beside the file stays at a few MiB.
const COMMITS: u32 = 100;

/// Asks for checkpoints; the thread ends when it is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    asked: SyncSender<()>,
    commits: u32,
    running: Arc<Mutex<()>>,
}

impl Checkpoints {
    /// Of the read model in `file`.
    pub(super) fn start(file: PathBuf) -> Result<Self, ProjectionError> {
        let (asked, asks) = sync_channel(1);
        let running = Arc::new(Mutex::new(()));
        let held = Arc::clone(&running);
        std::thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || run(&file, &asks, &held))
            .map_err(|source| ProjectionError::File {
                attempt: "starting the checkpoints of",
                path: "the read model".into(),
                source,
            })?;
        Ok(Self {
            asked,
            commits: 0,
            running,
        })
    }

    /// Something was committed.
    pub(super) fn note_commit(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS {
            self.commits = 0;
            // One that is asked for already will do for both.
            let _ = self.asked.try_send(());
        }
    }

    /// Runs `swap` while no checkpoint does: one that had opened the old file would take the new
    /// one's write-ahead log for its own.
    pub(super) fn while_none_runs<T>(&self, swap: impl FnOnce() -> T) -> T {
        let _none_runs = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        swap()
    }
}

fn run(file: &Path, asks: &Receiver<()>, running: &Mutex<()>) {
    while asks.recv().is_ok() {
        let _running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let done = Connection::open(file).and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        });
        if let Err(error) = done {
            tracing::warn!(%error, "the read model's write-ahead log grows until the next attempt");
        }
    }
}
