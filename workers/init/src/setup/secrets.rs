//! Secrets inside the workspace: files in memory, for the work user alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nexus_init_protocol::{SecretFile, SecretText};

use crate::user::Account;
use crate::workspace::Workspace;

const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Where memory-backed files may be, in order of preference.
const CANDIDATES: [&str; 2] = ["/run", "/dev/shm"];

/// The directory for secrets, made when missing: on a tmpfs, 0700, owned by the user. Every life of
/// init has its own, and takes it away at its end.
pub(super) fn directory(workspace: &Workspace, account: &Account) -> io::Result<PathBuf> {
    let name = format!("nexus-secrets-{}", workspace.boot_id);
    for parent in CANDIDATES.iter().filter(|parent| is_in_memory(parent)) {
        let path = Path::new(parent).join(&name);
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        match made {
            Ok(()) => {
                account.own(&path)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(path),
            Err(_) => {}
        }
    }
    Err(io::Error::other(
        "neither /run nor /dev/shm is a writable tmpfs",
    ))
}

fn is_in_memory(path: &str) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type.cast_unsigned() == TMPFS_MAGIC)
}

/// Writes one secret, 0600.
pub(super) fn write(
    directory: &Path,
    name: &str,
    content: &SecretText,
    account: &Account,
) -> io::Result<PathBuf> {
    let path = directory.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)?;
    account.own(&path)?;
    file.write_all(content.expose_secret().as_bytes())?;
    Ok(path)
}

/// Writes all secrets of a plan; their directory when there are any.
pub(super) fn write_all(
    workspace: &Workspace,
    files: &[SecretFile],
    account: &Account,
) -> io::Result<Option<PathBuf>> {
    if files.is_empty() {
        return Ok(None);
    }
    let directory = directory(workspace, account)?;
    for file in files {
        write(&directory, &file.name, &file.content, account)?;
    }
    Ok(Some(directory))
}

/// Takes the directory away at the end of init.
pub(crate) fn remove_directory(workspace: &Workspace) {
    for parent in CANDIDATES {
        let path = Path::new(parent).join(format!("nexus-secrets-{}", workspace.boot_id));
        let _never_made = fs::remove_dir_all(path);
    }
}
