//! Files only their owner may read: keys, tokens, pids.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes `folder` and its parents with mode 0700, and closes it to others when it is there.
///
/// # Errors
/// What the system says.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Writes a file that must not exist yet, with mode 0600: all of it, or no file.
///
/// # Errors
/// What the system says, `AlreadyExists` included.
pub fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    make_missing(folder)?;
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    write(&unfinished, content)?;
    let placed = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    placed
}

/// Writes a file unless there is one already, which stays: of several programs at once, one writes.
///
/// # Errors
/// What the system says.
pub fn write_first(path: &Path, content: &[u8]) -> std::io::Result<()> {
    match write_new(path, content) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        answer => answer,
    }
}

/// Writes a file with mode 0600 in place of any other.
///
/// # Errors
/// What the system says.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    write(&unfinished, content)?;
    std::fs::rename(&unfinished, path)
}

fn make_missing(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.exists() {
        Ok(())
    } else {
        make_folder(folder)
    }
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
