//! Files with secrets: read when needed, and not at all where others may read them, too.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::ConnectError;

/// The nkey seed in this file.
pub(super) fn seed(path: &Path) -> Result<String, ConnectError> {
    let text = read(path)?;
    let seed = text.trim().to_owned();
    nkeys::KeyPair::from_seed(&seed).map_err(|error| {
        wrong(
            path,
            std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        )
    })?;
    Ok(seed)
}

/// Refuses a file that group or others may read.
pub(super) fn refuse_open(path: &Path) -> Result<(), ConnectError> {
    let metadata = std::fs::metadata(path).map_err(|error| wrong(path, error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(ConnectError::Open {
        path: path.to_owned(),
        mode,
    })
}

fn read(path: &Path) -> Result<String, ConnectError> {
    refuse_open(path)?;
    std::fs::read_to_string(path).map_err(|error| wrong(path, error))
}

fn wrong(path: &Path, source: std::io::Error) -> ConnectError {
    ConnectError::Seed {
        path: path.to_owned(),
        source,
    }
}
