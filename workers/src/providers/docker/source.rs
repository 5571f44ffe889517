//! A repository of this host, copied where the container sees it.
//!
//! A copy and not the original: no folder of the host outside the worker's own is ever bound, and
//! the container can be started long after the original has gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::DockerProvider;
use crate::provider::{ErrorClass, MachineSpec, ProviderError, Result};

/// The copy of the workspace's source, made when it is not there yet.
pub(super) async fn copy(provider: &DockerProvider, spec: &MachineSpec) -> Result<Option<PathBuf>> {
    let Some(source) = spec.source.clone() else {
        return Ok(None);
    };
    let target = provider.workspace_folder(spec.workspace).join("source");
    let attempted = format!("copying the repository {}", source.display());
    let copied = target.clone();
    let copying = tokio::task::spawn_blocking(move || copy_whole(&source, &copied));
    match copying.await {
        Ok(Ok(())) => Ok(Some(target)),
        Ok(Err(error)) => Err(
            ProviderError::new(ErrorClass::Absent, attempted, error.to_string())
                .with_hint("see whether it is there and readable for the worker")
                .caused_by(error),
        ),
        Err(error) => Err(ProviderError::new(
            ErrorClass::Unknown,
            attempted,
            error.to_string(),
        )),
    }
}

/// Removes a workspace's folder; nothing there is success.
pub(super) async fn remove_folder(folder: PathBuf) -> Result<()> {
    match tokio::fs::remove_dir_all(&folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let attempted = format!("removing {}", folder.display());
            Err(ProviderError::new(
                ErrorClass::Transient,
                attempted,
                error.to_string(),
            ))
        }
        _ => Ok(()),
    }
}

/// Under another name first: a copy that was cut off is never taken for whole.
fn copy_whole(source: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    let part = target.with_extension("part");
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy_tree(source, &part)?;
    fs::rename(part, target)
}

/// Folders, files and links; readable for everybody, since the user inside is another one.
fn copy_tree(source: &Path, target: &Path) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    fs::create_dir_all(target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&from, &to)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to)?;
            let mode = fs::metadata(&to)?.permissions().mode();
            fs::set_permissions(&to, fs::Permissions::from_mode(mode | 0o444))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_whole_or_not_there_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(source.join("sub")).unwrap();
        fs::write(source.join("sub/file"), "one").unwrap();
        fs::create_dir_all(target.with_extension("part")).unwrap();
        fs::write(target.with_extension("part").join("torn"), "").unwrap();
        copy_whole(&source, &target).unwrap();
        assert!(!target.join("torn").exists());
        fs::write(source.join("sub/file"), "two").unwrap();
        copy_whole(&source, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("sub/file")).unwrap(), "one");
    }
}
