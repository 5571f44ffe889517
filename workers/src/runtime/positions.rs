//! How far init's reports were heard, so that a worker that comes back loses no output.
//!
//! Only a cache: without it the services are told as they stand now, and output printed while the
//! worker was away is missing from the logs.

use std::path::PathBuf;

use nexus_events::id::WorkspaceId;

/// Numbers between two writes while only output comes.
const STRIDE: u64 = 32;

/// The last report heard of each workspace, a file each; nowhere, in tests.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    folder: Option<PathBuf>,
}

impl Positions {
    /// In this folder, which is made when missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn in_folder(folder: impl Into<PathBuf>) -> std::io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            folder: Some(folder),
        })
    }

    /// The last report heard of the machine `handle`, if that is known; a machine made anew counts
    /// from 1 again.
    pub(super) fn read(&self, workspace: WorkspaceId, handle: &str) -> Option<u64> {
        let text = std::fs::read_to_string(self.path(workspace)?).ok()?;
        let (machine, number) = text.split_once(' ')?;
        if machine != handle {
            return None;
        }
        number.trim().parse().ok()
    }

    /// Remembers `number`; for plain output only now and then.
    pub(super) fn note(&self, workspace: WorkspaceId, handle: &str, number: u64, is_output: bool) {
        if is_output && !number.is_multiple_of(STRIDE) {
            return;
        }
        if let Some(path) = self.path(workspace)
            && let Err(error) = std::fs::write(&path, format!("{handle} {number}"))
        {
            tracing::debug!(%error, path = %path.display(), "how far was heard is not kept");
        }
    }

    pub(super) fn forget(&self, workspace: WorkspaceId) {
        if let Some(path) = self.path(workspace) {
            let _gone_already = std::fs::remove_file(path);
        }
    }

    fn path(&self, workspace: WorkspaceId) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(workspace.to_string()))
    }
}
