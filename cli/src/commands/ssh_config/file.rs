//! A file before and after: what is shown is what is written, or nothing is.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::difference::difference;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::render::Row;

/// What is to become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Create,
    Update,
    Remove,
    Keep,
}

/// A file as it is, and as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct File {
    /// As it is typed; may be a symlink, which stays one.
    path: PathBuf,
    change: Change,
    #[serde(skip)]
    before: Option<Vec<u8>>,
    #[serde(skip)]
    after: Option<Vec<u8>>,
    /// Whether it is the person's own.
    #[serde(skip)]
    users: bool,
}

impl File {
    /// The file at `path`, and what it is to hold; `None`: it is to be gone.
    pub(super) fn new(path: PathBuf, after: Option<Vec<u8>>) -> Result<Self> {
        let before = read(&path)?;
        let change = match (&before, &after) {
            (None, Some(_)) => Change::Create,
            (Some(_), None) => Change::Remove,
            (before, after) if before == after => Change::Keep,
            _ => Change::Update,
        };
        Ok(Self {
            path,
            change,
            before,
            after,
            users: false,
        })
    }

    /// The same, known to be the person's own.
    pub(super) fn of_user(self) -> Self {
        Self {
            users: true,
            ..self
        }
    }

    pub(super) fn changes(&self) -> bool {
        self.change != Change::Keep
    }

    pub(super) const fn is_absent_or_users(&self) -> bool {
        self.after.is_none() || self.users
    }

    pub(super) fn difference(&self) -> String {
        difference(&self.path, self.before.as_deref(), self.after.as_deref())
    }

    /// Makes it so.
    ///
    /// # Errors
    /// It cannot be written, or is not any more what it was when the change was shown.
    pub(super) fn write(&self) -> Result<()> {
        if !self.changes() {
            return Ok(());
        }
        if read(&self.path)? != self.before {
            let what = format!("write {}", self.path.display());
            let why = "somebody changed it in the meantime";
            return Err(Error::new(Exit::Conflict, what, why, "nexus ssh-config"));
        }
        let written = match &self.after {
            Some(content) => replace(&self.path, content),
            None => fs::remove_file(&self.path),
        };
        written.map_err(|error| {
            let what = format!("write {}", self.path.display());
            Error::new(Exit::Failure, what, error, "check its folder and its disk")
        })
    }
}

/// What is in the file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let what = format!("read {}", path.display());
            Err(Error::new(
                Exit::Failure,
                what,
                error,
                format!("ls -l {}", path.display()),
            ))
        }
    }
}

/// Replaces the file behind `path` at once, keeping its mode; a new one is its owner's only.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = behind(path)?;
    if let Some(folder) = target.parent() {
        home::create_private_folder(folder)?;
    }
    let mode = fs::metadata(&target).map_or(0o600, |data| data.permissions().mode() & 0o7777);
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = target.with_file_name(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // Best effort: the error worth telling is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Where symlinks lead, also to a file that is not there yet.
fn behind(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symlinks"))
}

impl Row for File {
    const HEADINGS: &'static [&'static str] = &["CHANGE", "FILE"];

    fn cells(&self) -> Vec<String> {
        let change = match self.change {
            Change::Create => "create",
            Change::Update => "update",
            Change::Remove => "remove",
            Change::Keep => "keep",
        };
        vec![change.into(), self.path.display().to_string()]
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_symlinks_stay_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "a\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        let file = File::new(link.clone(), Some(b"b\n".to_vec())).unwrap();
        file.write().unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"b\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_was_changed_in_the_meantime_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, "a\n").unwrap();
        let file = File::new(path.clone(), Some(b"b\n".to_vec())).unwrap();
        fs::write(&path, "mine\n").unwrap();
        assert_eq!(file.write().unwrap_err().exit, Exit::Conflict);
        assert_eq!(fs::read(&path).unwrap(), b"mine\n");
    }
}
