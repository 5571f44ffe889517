//! A disk that is small enough to be filled, in memory.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::tool;

/// A file system of its own, until dropped: declare it before whatever uses it.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
    is_full: bool,
}

impl SmallDisk {
    /// Whether this machine lets us make one.
    pub fn possible() -> bool {
        rustix::process::geteuid().is_root() && tool::is_installed("mount")
    }

    /// One of so many MiB.
    ///
    /// # Errors
    /// When the machine refuses.
    pub async fn make(mebibytes: u64) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("nexus-disk-").tempdir()?;
        let (size, path) = (
            format!("size={mebibytes}m"),
            folder.path().to_string_lossy(),
        );
        let words = ["-t", "tmpfs", "-o", &size, "none", &path];
        tool::run("mount", &words).await?.success()?;
        Ok(Self {
            folder,
            is_full: false,
        })
    }

    /// Has it found at `path`, whose parents are made.
    ///
    /// # Errors
    /// When something is there already.
    pub fn stands_at(&self, path: &Path) -> anyhow::Result<()> {
        let parent = path.parent().context("a path has a parent")?;
        std::fs::create_dir_all(parent)?;
        let own = self.folder.path().join("used");
        std::fs::create_dir(&own)?;
        Ok(std::os::unix::fs::symlink(own, path)?)
    }

    /// Fills it to the last byte; gives whether it was not full before.
    ///
    /// # Errors
    /// When it cannot be written for another reason than being full.
    pub fn fill(&mut self) -> anyhow::Result<bool> {
        if self.is_full {
            return Ok(false);
        }
        self.is_full = true;
        let mut file = File::create(self.folder.path().join("filler"))?;
        for block in [vec![0; 1 << 20], vec![0; 1 << 9]] {
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(true)
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn empty(&mut self) -> anyhow::Result<()> {
        self.is_full = false;
        Ok(std::fs::remove_file(self.folder.path().join("filler"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut unmount = std::process::Command::new("umount");
        let _ = unmount.arg("--lazy").arg(self.folder.path()).status();
    }
}
