//! The folder of the embedded server: private, locked, with a port of its own.

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{EmbeddedError, file};
use crate::private_file;

/// The right to run a server on a folder; held until dropped, and by the child for its life.
#[derive(Debug)]
pub(super) struct StoreLock {
    file: Arc<File>,
}

impl StoreLock {
    /// Takes the lock, waiting for the server of a parent that was killed to end.
    pub(super) fn take(folder: &Path, patience: Duration) -> Result<Self, EmbeddedError> {
        let path = folder.join("lock");
        let lock = private_file::open(&path, false).map_err(file("opening the lock", &path))?;
        let deadline = Instant::now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        file: Arc::new(lock),
                    });
                }
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(EmbeddedError::InUse {
                        folder: folder.to_owned(),
                    });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(file("taking the lock", &path)(source));
                }
            }
        }
    }

    /// For the child, which keeps the lock as long as it lives.
    pub(super) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// Makes a folder nobody else can look into.
pub(super) fn private_folder(path: &Path) -> Result<(), EmbeddedError> {
    private_file::folder(path).map_err(file("making the private folder", path))
}

/// Writes a file nobody else can read, whole or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), EmbeddedError> {
    private_file::write(path, content).map_err(file("writing", path))
}

/// The ports to choose from: below those the system gives to outgoing connections (a client that
/// looks for a restarting server there could be given the very port it looks for, and keep the
/// server from it), and apart from those of workspaces and services.
const PORTS: std::ops::Range<u16> = 14_000..22_000;

/// The port chosen at the first start, or a new one if another program has taken it meanwhile.
pub(super) fn port(folder: &Path) -> Result<u16, EmbeddedError> {
    let path = folder.join("port");
    let known = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(port) = known.filter(|&port| is_free(port)) {
        return Ok(port);
    }
    let port = choose().map_err(file("choosing a port for", folder))?;
    write_private(&path, format!("{port}\n").as_bytes())?;
    Ok(port)
}

/// A free port; two that choose at the same time begin at different ones.
fn choose() -> std::io::Result<u16> {
    let begin = RandomState::new().hash_one(()) % u64::from(PORTS.end - PORTS.start);
    let begin = PORTS.start + u16::try_from(begin).unwrap_or(0);
    (begin..PORTS.end)
        .chain(PORTS.start..begin)
        .find(|&port| is_free(port))
        .ok_or_else(|| std::io::ErrorKind::AddrInUse.into())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_stays_and_changes_only_when_taken() {
        let folder = tempfile::tempdir().unwrap();
        let first = port(folder.path()).unwrap();
        assert_eq!(port(folder.path()).unwrap(), first);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert_ne!(port(folder.path()).unwrap(), first);
    }
}
