//! One nkey for each user, made at the first start. The server is only told the public half.

use std::path::{Path, PathBuf};

use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use nkeys::KeyPair;

use super::store::{private_folder, write_private};
use super::{EmbeddedError, file};
use crate::connect::Role;

/// Who may connect. Each worker is somebody else, with the rights of its node alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    ControlPlane,
    Cli,
    Worker { node: NodeId, provider: Provider },
}

impl User {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::ControlPlane => Role::ControlPlane,
            Self::Cli => Role::Cli,
            Self::Worker { node, .. } => Role::Worker(node),
        }
    }
}

/// A user and its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) user: User,
    pub(super) public_key: String,
}

/// Where a role's seed is.
pub(super) fn seed_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{role}.nk"))
}

/// Every user's key; those that are missing are made.
pub(super) fn load_or_make(
    folder: &Path,
    users: impl Iterator<Item = User>,
) -> Result<Vec<Known>, EmbeddedError> {
    private_folder(folder)?;
    users.map(|user| known(folder, user)).collect()
}

fn known(folder: &Path, user: User) -> Result<Known, EmbeddedError> {
    let path = seed_file(folder, user.role());
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
    Ok(Known {
        user,
        public_key: key.public_key(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_differ() {
        let folder = tempfile::tempdir().unwrap();
        let worker = |seed| User::Worker {
            node: NodeId::derived(seed),
            provider: Provider::Fake,
        };
        let users = [User::ControlPlane, worker("one"), worker("another")];
        let make = || load_or_make(folder.path(), users.into_iter()).unwrap();
        let first = make();
        assert_eq!(make(), first);
        assert_ne!(first[0].public_key, first[1].public_key);
        assert_ne!(first[1].public_key, first[2].public_key);
        let role = worker("one").role();
        let seed = std::fs::read_to_string(seed_file(folder.path(), role)).unwrap();
        assert!(seed.starts_with("SU"), "a user's seed");
    }
}
