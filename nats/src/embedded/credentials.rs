//! One nkey for each role, made at the first start. The server is only told the public half.

use std::path::{Path, PathBuf};

use nkeys::KeyPair;

use super::store::{private_folder, write_private};
use super::{EmbeddedError, file};
use crate::connect::Role;

/// A role's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) role: Role,
    pub(super) public_key: String,
}

/// Where a role's seed is.
pub(super) fn seed_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.nk", role.as_str()))
}

/// Every role's key; those that are missing are made.
pub(super) fn load_or_make(folder: &Path) -> Result<Vec<User>, EmbeddedError> {
    private_folder(folder)?;
    Role::ALL
        .into_iter()
        .map(|role| user(folder, role))
        .collect()
}

fn user(folder: &Path, role: Role) -> Result<User, EmbeddedError> {
    let path = seed_file(folder, role);
    let wrong = |error: nkeys::error::Error| {
        file("reading the key in", &path)(std::io::Error::other(error))
    };
    let key = if path.exists() {
        let seed = std::fs::read_to_string(&path).map_err(file("reading the key in", &path))?;
        KeyPair::from_seed(seed.trim()).map_err(wrong)?
    } else {
        let key = KeyPair::new_user();
        let seed = key.seed().map_err(wrong)?;
        write_private(&path, format!("{seed}\n").as_bytes())?;
        key
    };
    Ok(User {
        role,
        public_key: key.public_key(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_differ() {
        let folder = tempfile::tempdir().unwrap();
        let first = load_or_make(folder.path()).unwrap();
        assert_eq!(load_or_make(folder.path()).unwrap(), first);
        assert_ne!(first[0].public_key, first[1].public_key);
        let seed = std::fs::read_to_string(seed_file(folder.path(), Role::Worker)).unwrap();
        assert!(seed.starts_with("SU"), "a user's seed");
    }
}
