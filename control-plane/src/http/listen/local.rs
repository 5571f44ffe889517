//! The local socket: for this server's user alone, and never left behind a second server's back.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{ListenError, Peer};

/// A listening socket in the file system, removed when dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl LocalSocket {
    /// Listens on `path` (0600). A socket nobody answers on is a leftover and gives way.
    ///
    /// # Errors
    /// See [`ListenError`]: another server is never pushed aside.
    pub async fn bind(path: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Local {
            path: path.to_owned(),
            source,
        };
        match UnixStream::connect(path).await {
            Ok(_) => {
                return Err(ListenError::AnotherServer {
                    path: path.to_owned(),
                });
            }
            Err(error) if is_leftover(&error) => {}
            Err(error) => return Err(failed(error)),
        }
        Self::bind_over(path).map_err(failed)
    }

    /// Made under another name and moved there whole, so that nobody meets it with other rights.
    fn bind_over(path: &Path) -> io::Result<Self> {
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        remove(&draft)?;
        let listener = UnixListener::bind(&draft)?;
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600))?;
        let inode = std::fs::symlink_metadata(&draft)?.ino();
        std::fs::rename(&draft, path)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            inode,
        })
    }

    /// The next connection, and whose process it is.
    pub(super) async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred()?.uid();
        Ok((stream, Peer::Local { user }))
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // A newer server may have put its own there by now.
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|at| at.ino() == self.inode);
        if ours && let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "removing the local socket");
        }
    }
}

fn is_leftover(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_leftover_gives_way_and_a_server_does_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("daemon.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a leftover");

        let socket = LocalSocket::bind(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = LocalSocket::bind(&path)
            .await
            .expect_err("the first one answers");
        assert!(second.to_string().contains("nexus daemon stop"), "{second}");

        let _client = UnixStream::connect(&path).await.unwrap();
        let (_stream, peer) = socket.accept().await.unwrap();
        assert_eq!(
            peer,
            Peer::Local {
                user: rustix::process::getuid().as_raw()
            }
        );
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("missing").join("daemon.sock");
        assert!(matches!(
            LocalSocket::bind(&path).await,
            Err(ListenError::Local { .. })
        ));
    }
}
