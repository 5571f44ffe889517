//! A repository of this host, copied where the container sees it.
//!
//! A copy and not the original: no folder of the host outside the worker's own is ever bound, and
//! the container can be started long after the original has gone.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use super::DockerProvider;
use crate::provider::{ErrorClass, MachineSpec, ProviderError, Result, WORK_USER_ID};

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

/// Under another name first: a copy that was cut off is never taken for whole. Of a repository with
/// a work tree only what git reads when it clones.
pub(in crate::providers) fn copy_whole(source: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    let part = target.with_extension("part");
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // git refuses to read a repository of somebody else's; only root can give it away, and anybody
    // else mostly has the number the work user has.
    let owner = rustix::process::geteuid().is_root().then_some(WORK_USER_ID);
    make_folder(&part, owner)?;
    match source.join(".git").is_dir() {
        true => copy_tree(&source.join(".git"), &part.join(".git"), owner)?,
        false => copy_tree(source, &part, owner)?,
    }
    fs::rename(part, target)
}

fn make_folder(folder: &Path, owner: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    lchown(folder, owner, owner)
}

/// Folders, files and links; readable for everybody, since the user inside may be another one.
fn copy_tree(source: &Path, target: &Path, owner: Option<u32>) -> io::Result<()> {
    make_folder(target, owner)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&from, &to, owner)?;
            continue;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to)?;
            let mode = fs::metadata(&to)?.permissions().mode();
            fs::set_permissions(&to, fs::Permissions::from_mode(mode | 0o444))?;
        } else {
            continue;
        }
        lchown(&to, owner, owner)?;
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

    #[test]
    fn of_a_work_tree_only_the_repository_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(source.join(".git")).unwrap();
        fs::write(source.join(".git/HEAD"), "ref: refs/heads/main").unwrap();
        fs::create_dir_all(source.join("node_modules")).unwrap();
        copy_whole(&source, &target).unwrap();
        assert!(target.join(".git/HEAD").exists());
        assert!(!target.join("node_modules").exists());
    }
}
