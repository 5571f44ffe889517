//! One server per home: a lock that ends with the process, and the pid for whoever asks.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How long a killed server may take to let go of its home.
const DYING: Duration = Duration::from_secs(2);
/// Between two looks at the lock.
const LOOK: Duration = Duration::from_millis(50);

/// Held while this process serves the home; the file stays, the lock and the pid in it go.
#[derive(Debug)]
pub(super) struct HomeLock {
    path: PathBuf,
    file: File,
}

impl HomeLock {
    pub(super) fn take(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("opening {}", path.display()))?;
        let deadline = Instant::now() + DYING;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOOK),
                Err(TryLockError::WouldBlock) => {
                    let pid = std::fs::read_to_string(path).unwrap_or_default();
                    anyhow::bail!(
                        "another nexusd (process {}) serves this home; stop it: nexus daemon stop",
                        pid.trim()
                    );
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

impl Drop for HomeLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, path = %self.path.display(), "the pid stays behind");
        }
    }
}
