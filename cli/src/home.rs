//! `$NEXUS_HOME`: where the socket, the token and what this command line remembers are kept.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::exit::Exit;

/// The folder, by default `~/.nexus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// `NEXUS_HOME`, else `~/.nexus`; absolute either way, since the daemon runs elsewhere.
    pub(crate) fn from_environment() -> Result<Self> {
        let chosen = std::env::var_os("NEXUS_HOME").filter(|path| !path.is_empty());
        let path = match chosen {
            Some(path) => PathBuf::from(path),
            None => user_home()?.join(".nexus"),
        };
        std::path::absolute(&path)
            .map(Self)
            .map_err(|error| no_home(&error))
    }

    /// This folder.
    #[cfg(test)]
    pub(crate) fn at(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The server's unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("daemon.sock")
    }

    /// What the server prints.
    pub(crate) fn daemon_log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }

    /// Where the server listens for browsers, as it wrote down when it started.
    pub(crate) fn address(&self) -> PathBuf {
        self.0.join("address")
    }

    /// The token for a server that is reached over TCP.
    pub(crate) fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// The name of the active workspace.
    pub(crate) fn active_workspace(&self) -> PathBuf {
        self.0.join("session/workspace")
    }

    /// Who this command line registered.
    pub(crate) fn identity(&self) -> PathBuf {
        self.0.join("session/user.json")
    }

    /// What is written for the stock SSH client, and nothing else.
    pub(crate) fn ssh(&self) -> PathBuf {
        self.0.join("ssh")
    }

    /// Host keys of the workspaces this command line connected to.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.0.join("session/known_hosts")
    }
}

/// The user's own home directory.
pub(crate) fn user_home() -> Result<PathBuf> {
    std::env::home_dir()
        .filter(|path| !path.as_os_str().is_empty())
        .ok_or_else(|| no_home(&"HOME is not set"))
}

fn no_home(why: &dyn std::fmt::Display) -> Error {
    Error::new(
        Exit::Failure,
        "find a home folder",
        why,
        "export NEXUS_HOME=/path/to/folder",
    )
}

/// Creates `path` and what is above it, for its owner only.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Replaces `path` by a file of its owner only. A reader sees the old content or the new one,
/// never a part, even when this process is killed in between.
pub(crate) fn replace_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error worth telling is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The text of `path`, or `None` when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session/cursor");
        replace_private_file(&path, b"1\n").unwrap();
        replace_private_file(&path, b"2\n").unwrap();
        assert_eq!(read_if_there(&path).unwrap().as_deref(), Some("2\n"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "the temporary file is gone");
    }
}
