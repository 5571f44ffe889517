//! Bytes of a channel whose program does not read, in a file without a name, until it does.
//!
//! The file is a ring of pages, and each message begins one: what was read makes room, and a bound on
//! pages is one on what is remembered of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;

/// Bytes kept at most.
const MOST: u64 = 256 << 20;
const PAGE: u64 = 4 << 10;

/// The ring. One task keeps, another takes.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    size: u64,
    /// All bytes of pages ever filled, and ever taken.
    kept: AtomicU64,
    taken: AtomicU64,
    progress: Notify,
}

/// Bytes in the ring, to be taken in the order they were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    at: u64,
    length: usize,
}

impl Spool {
    /// An empty one; `folder` is where its file is made.
    pub(super) fn in_folder(folder: &Path) -> io::Result<Self> {
        Self::of_size(folder, MOST)
    }

    fn of_size(folder: &Path, size: u64) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("spool-{}-{number}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self {
            file,
            size,
            kept: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            progress: Notify::new(),
        })
    }

    /// Whether all that was kept is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.room() == self.size
    }

    fn room(&self) -> u64 {
        let kept = self.kept.load(Ordering::Relaxed);
        self.size - (kept - self.taken.load(Ordering::Acquire))
    }

    /// Keeps `bytes`; `None` while there is no room.
    pub(super) fn keep(&self, bytes: &[u8]) -> io::Result<Option<Piece>> {
        let pages = pages(bytes.len());
        if pages > self.room() {
            return Ok(None);
        }
        let at = self.kept.load(Ordering::Relaxed);
        let (first, second) = bytes.split_at(self.before_the_edge(at, bytes.len()));
        self.file.write_all_at(first, at % self.size)?;
        self.file.write_all_at(second, 0)?;
        self.kept.store(at + pages, Ordering::Relaxed);
        Ok(Some(Piece {
            at,
            length: bytes.len(),
        }))
    }

    /// Takes the oldest piece.
    pub(super) fn take(&self, piece: Piece) -> io::Result<Bytes> {
        let mut bytes = vec![0; piece.length];
        let edge = self.before_the_edge(piece.at, piece.length);
        let (first, second) = bytes.split_at_mut(edge);
        self.file.read_exact_at(first, piece.at % self.size)?;
        self.file.read_exact_at(second, 0)?;
        let taken = piece.at + pages(piece.length);
        self.taken.store(taken, Ordering::Release);
        self.progress.notify_one();
        Ok(bytes.into())
    }

    /// Waits until more was taken.
    pub(super) async fn progress(&self) {
        self.progress.notified().await;
    }

    /// How much of `length` bytes fits between `at` and the end of the file.
    fn before_the_edge(&self, at: u64, length: usize) -> usize {
        let left = usize::try_from(self.size - at % self.size).unwrap_or(usize::MAX);
        left.min(length)
    }
}

/// What so many bytes take up.
const fn pages(length: usize) -> u64 {
    (length as u64).next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_in_order_over_the_edge_and_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::of_size(folder.path(), 3 * PAGE).unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
        let long: Vec<u8> = (0..PAGE + 7).map(|number| number as u8).collect();
        let first = spool.keep(&long).unwrap().unwrap();
        let second = spool.keep(b"short").unwrap().unwrap();
        assert_eq!(spool.keep(b"x").unwrap(), None, "there is no room");
        assert_eq!(spool.take(first).unwrap(), long);
        assert_eq!(spool.take(second).unwrap(), "short");
        assert!(spool.is_empty());
        let before = spool.keep(b"before the edge").unwrap().unwrap();
        let middle = spool.keep(b"at it").unwrap().unwrap();
        assert_eq!(spool.take(before).unwrap(), "before the edge");
        let over = spool.keep(&long).unwrap().unwrap();
        assert_eq!(spool.take(middle).unwrap(), "at it");
        assert_eq!(spool.take(over).unwrap(), long);
        assert!(spool.is_empty());
    }
}
