//! A worker's folder on its machine, and who it is there.
//!
//! The rights of a worker on the bus are those of its node, so whoever makes its user (`nexusd`,
//! for workers it starts itself) has to know the node before the worker runs: both read it here.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use uuid::Uuid;

use crate::private_file;

/// A worker's folder: who it is, and what it keeps of its workspaces.
#[derive(Debug, Clone)]
pub struct NodeHome {
    folder: PathBuf,
}

/// Why a worker does not know who it is.
#[derive(Debug, thiserror::Error)]
pub enum NodeIdentityError {
    /// The folder or file cannot be used.
    #[error("keeping the node's identity in {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is somebody else already.
    #[error(
        "{} says {found}, and this worker is to be {told}: take credentials made for {found}, or \
         remove the file to become a new node, whose machines are nobody's",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Who it is.
        found: NodeId,
        /// Who it is to be.
        told: NodeId,
    },
    /// The file holds no id. It is not replaced: the machines of this node would be nobody's.
    #[error("{} holds no node id; restore it, or remove it to become a new node", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
    },
}

impl NodeHome {
    /// The folder of the worker for `provider` in the home of a Nexus, made when missing (for the
    /// owner only).
    ///
    /// # Errors
    /// It cannot be made.
    pub fn of(home: &Path, provider: Provider) -> Result<Self, NodeIdentityError> {
        Self::open(home.join("workers").join(provider.as_str()))
    }

    /// This folder, made when missing (for the owner only).
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, NodeIdentityError> {
        let folder = folder.into();
        match fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
        {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(NodeIdentityError::File {
                path: folder,
                source,
            }),
        }
    }

    /// Becomes the node that was decided on elsewhere: whoever made this worker's user on the bus
    /// gave it that node's rights.
    ///
    /// # Errors
    /// When it is another node already, or see [`NodeIdentityError`].
    pub fn be(&self, told: NodeId) -> Result<(), NodeIdentityError> {
        let path = self.folder.join("node");
        if !path.exists() {
            return private_file::write(&path, format!("{told}\n").as_bytes())
                .map_err(|source| NodeIdentityError::File { path, source });
        }
        let found = self.node()?;
        if found == told {
            return Ok(());
        }
        Err(NodeIdentityError::Other { path, found, told })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who this worker is: drawn once, then the same for ever.
    ///
    /// # Errors
    /// See [`NodeIdentityError`].
    pub fn node(&self) -> Result<NodeId, NodeIdentityError> {
        let path = self.folder.join("node");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(node) => Ok(node),
                Err(_) => Err(NodeIdentityError::Unreadable { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let node = NodeId::from_uuid(Uuid::now_v7());
                private_file::write(&path, format!("{node}\n").as_bytes())
                    .map(|()| node)
                    .map_err(|source| NodeIdentityError::File { path, source })
            }
            Err(source) => Err(NodeIdentityError::File { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stays_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = NodeHome::of(folder.path(), Provider::Docker).unwrap();
        let node = home.node().unwrap();
        assert_eq!(home.node().unwrap(), node);
        let other = NodeHome::of(folder.path(), Provider::Process).unwrap();
        assert_ne!(other.node().unwrap(), node);
        home.be(node).unwrap();
        let told = NodeId::from_uuid(Uuid::now_v7());
        let refused = home.be(told).unwrap_err();
        assert!(
            matches!(refused, NodeIdentityError::Other { .. }),
            "{refused}"
        );
        let new = NodeHome::open(folder.path().join("new")).unwrap();
        new.be(told).unwrap();
        assert_eq!(new.node().unwrap(), told);
        fs::write(home.folder().join("node"), "scribble").unwrap();
        assert!(matches!(
            home.node(),
            Err(NodeIdentityError::Unreadable { .. })
        ));
    }
}
