//! Unix sockets below directories of any depth.
//!
//! A socket's address holds at most 107 bytes of path; workspace directories may be longer. The
//! kernel resolves `/proc/self/fd/N/name` like any other path, so a deep socket is named by its open
//! directory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

const MAX_ADDRESS: usize = 107;

/// A path that fits into a socket address, and what keeps it valid.
#[derive(Debug)]
pub struct SocketAddress {
    path: PathBuf,
    _directory: Option<File>,
}

impl SocketAddress {
    /// Finds a path short enough for `path`, whose directory has to exist.
    pub fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= MAX_ADDRESS {
            return Ok(Self {
                path: path.to_owned(),
                _directory: None,
            });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let directory = File::open(parent)?;
        let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string());
        Ok(Self {
            path: short.join(name),
            _directory: Some(directory),
        })
    }

    /// Valid as long as this value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
