//! Removing what a workspace left: repeatable, and its labels last, so that a removal that was cut
//! off is found again.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::program;

/// Removes a directory with all in it; nothing there is success.
///
/// # Errors
/// `PermissionDenied` when something in it belongs to an id that only exists inside a sandbox.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        answer => answer,
    }
}

/// Removes a machine's directory, what tells whose it is at the very end.
pub(super) fn remove_machine(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    remove_tree(path)
}

/// The same by a process that has the ids of a sandbox: files made by its users belong to
/// subordinate ids, which the worker itself has no right to.
pub(super) fn remove_with_ids(init: &Path, path: &Path) -> io::Result<()> {
    let mut command = Command::new(init);
    command.arg("remove").arg("--directory").arg(path);
    command
        .env_clear()
        .env("PATH", program::search_path())
        .stdin(Stdio::null());
    let output = command.output()?;
    match output.status.success() {
        true => remove_machine(path),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

/// Gives us the rights to directories of ours that deny them: an overlay's own has none at all,
/// and users make read-only ones.
fn open_up(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_without_rights_are_removed_and_nothing_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (machine, outside) = (folder.path().join("machine"), folder.path().join("outside"));
        fs::create_dir_all(machine.join("work/work/deep")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&outside, machine.join("work/link")).unwrap();
        fs::set_permissions(machine.join("work/work"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_machine(&machine).unwrap();
        assert!(!machine.exists() && outside.join("kept").exists());
        remove_machine(&machine).unwrap();
    }
}
