//! What this provider keeps of one workspace, all of it below one directory.
//!
//! ```text
//!   workspaces/ws-…/
//!     meta.json     whose it is and what it was made from; `making.json` until all else is there
//!     home/         the home volume, mounted over the user's home
//!     source/       a copy of the repository, when it is one of this host
//!     upper/ work/  everything else that was changed inside (made by init)
//!     config.json   what the last start asked of init
//!     run/          init's socket, its process (`ready`), its log
//!     stopped       there when the last end was asked for
//!     lock          held while the machine is changed
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nexus_events::id::WorkspaceId;
use nexus_init_protocol::sandbox::SandboxReady;

use crate::provider::machine_name;

/// Precedes the name of a directory that is being removed.
const DELETING: &str = ".deleting-";

/// One workspace's directory, whether or not it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn of(folder: &Path, workspace: WorkspaceId) -> Self {
        let path = folder.join("workspaces").join(machine_name(workspace));
        Self { path }
    }

    /// The one at `path`, also under the name it has while it is deleted.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it and what has to be there before init; what is there stays.
    pub(super) fn make(&self) -> io::Result<()> {
        // The user of the workspace has to pass through it, others of this host may not look in.
        for (path, mode) in [
            (self.path.clone(), 0o711),
            (self.home(), 0o755),
            (self.run(), 0o700),
        ] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(path)?;
        }
        Ok(())
    }

    pub(super) fn meta(&self) -> PathBuf {
        self.path.join("meta.json")
    }

    /// The same content while the machine is made.
    pub(super) fn making(&self) -> PathBuf {
        self.path.join("making.json")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    pub(super) fn source(&self) -> PathBuf {
        self.path.join("source")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    pub(super) fn resolver(&self) -> PathBuf {
        self.path.join("resolv.conf")
    }

    pub(super) fn passwd(&self) -> PathBuf {
        self.path.join("passwd")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(super) fn start_log(&self) -> PathBuf {
        self.path.join("start.log")
    }

    fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.run().join("init.sock")
    }

    pub(super) fn ready(&self) -> PathBuf {
        self.run().join("ready")
    }

    fn stopped(&self) -> PathBuf {
        self.path.join("stopped")
    }

    /// The process init last was; `None` when it was never started.
    pub(super) fn last_process(&self) -> io::Result<Option<SandboxReady>> {
        Ok(read_if_there(&self.ready())?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Remembers that the end to come, or just come, is wanted.
    pub(super) fn mark_stopped(&self) -> io::Result<()> {
        File::create(self.stopped()).map(drop)
    }

    pub(super) fn was_stopped(&self) -> bool {
        self.stopped().exists()
    }

    /// Forgets the last life, before the next.
    pub(super) fn forget_last_life(&self) -> io::Result<()> {
        for path in [self.stopped(), self.ready(), self.socket()] {
            remove_if_there(&path)?;
        }
        Ok(())
    }

    /// What it is called, which is what its control groups are called too.
    pub(super) fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Its name while it is removed: nothing takes it for a machine any more.
    pub(super) fn while_deleted(&self) -> PathBuf {
        self.path
            .with_file_name(format!("{DELETING}{}", self.name()))
    }
}

/// The workspace a directory's name stands for, also of one that is being removed.
pub(super) fn workspace_of(name: &str) -> Option<WorkspaceId> {
    name.strip_prefix(DELETING).unwrap_or(name).parse().ok()
}

/// The whole content appears at once, or the old one stays; also when the power goes.
pub(super) fn write_by_rename(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = part_of(path);
    write_new(&part, content)?;
    fs::rename(&part, path)
}

fn part_of(path: &Path) -> PathBuf {
    path.with_extension(format!("part-{}", uuid::Uuid::now_v7().simple()))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

pub(super) fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meta.json");
        assert_eq!(read_if_there(&path).unwrap(), None);
        for content in ["one", "two"] {
            write_by_rename(&path, content.as_bytes()).unwrap();
            assert_eq!(read_if_there(&path).unwrap().as_deref(), Some(content));
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no part is left"
        );
    }

    #[test]
    fn a_directory_being_removed_still_tells_whose_it_is() {
        let workspace = WorkspaceId::derived("here");
        let directory = Directory::of(Path::new("/nowhere"), workspace);
        let renamed = directory.while_deleted();
        let name = renamed.file_name().unwrap().to_str().unwrap();
        assert_eq!(workspace_of(name), Some(workspace));
        assert_eq!(workspace_of("lost+found"), None);
    }
}
