//! One change of a machine at a time, between all workers of this host.
//!
//! The kernel gives the lock back when its holder dies, however it dies.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long a call waits for another one about the same machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often it looks; file locks cannot be waited for with a limit.
const PAUSE: Duration = Duration::from_millis(3);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock in a file, made when missing. Blocks the thread.
    ///
    /// # Errors
    /// `NotFound` when the file's directory is gone, also while waiting.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_still_at(path, &file)? => return Ok(Self { _file: file }),
                // The last holder removed it: who locks the file of that name now is not us.
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => {
                    let cause = format!("{} is held by another worker", path.display());
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, cause));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn is_still_at(path: &Path, file: &File) -> io::Result<bool> {
    let (ours, there) = (file.metadata()?, std::fs::metadata(path));
    Ok(there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || {
                let _second = Lock::take(&path).unwrap();
                sender.send(()).unwrap();
            }
        });
        assert!(receiver.try_recv().is_err(), "the second has to wait");
        drop(first);
        receiver.recv_timeout(Duration::from_secs(5)).unwrap();
        waiting.join().unwrap();
    }

    #[test]
    fn a_lock_whose_directory_went_away_is_not_had() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/lock");
        assert_eq!(
            Lock::take(&path).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        let first = Lock::take(&path).unwrap();
        let waiting = std::thread::spawn(move || Lock::take(&path).map(drop));
        std::fs::rename(folder.path().join("gone"), folder.path().join("elsewhere")).unwrap();
        drop(first);
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
