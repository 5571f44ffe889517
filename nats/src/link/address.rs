//! Where a node says it can be reached, and whether that is on this host.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nexus_events::node::LinkAddress;

use super::tls::TlsAddress;

/// The longest path that fits into the address of a unix socket.
const MAX_ADDRESS: usize = 107;

/// So many ports of a node are tried; a worker has one.
const MOST_PORTS: usize = 4;

/// Which host this is: the kernel's id of its present boot, the same in every container on it.
///
/// # Errors
/// The kernel does not tell.
pub fn this_host() -> io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// The address of a socket of this host.
///
/// # Errors
/// The path is not UTF-8, or the kernel does not tell which host this is.
pub(super) fn unix_socket(path: &Path) -> io::Result<LinkAddress> {
    let text = path
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"))?;
    Ok(LinkAddress::UnixSocket {
        host: this_host()?,
        path: text.to_owned(),
    })
}

/// The first of `addresses` that is a socket on `host`.
pub(super) fn socket_on(addresses: &[LinkAddress], host: &str) -> Option<PathBuf> {
    addresses.iter().find_map(|address| match address {
        LinkAddress::UnixSocket { host: theirs, path } if theirs == host => {
            Some(PathBuf::from(path))
        }
        LinkAddress::UnixSocket { .. } | LinkAddress::Tls { .. } | LinkAddress::Unknown => None,
    })
}

/// Those of `addresses` at which TLS is spoken, with a key that can be pinned.
pub(super) fn tls_among(addresses: &[LinkAddress]) -> Vec<TlsAddress> {
    let tls = |address: &LinkAddress| match address {
        LinkAddress::Tls { address, key } => Some(TlsAddress {
            place: address.clone(),
            pin: key.parse().ok()?,
        }),
        LinkAddress::UnixSocket { .. } | LinkAddress::Unknown => None,
    };
    addresses.iter().filter_map(tls).take(MOST_PORTS).collect()
}

/// A path short enough for a socket's address, valid as long as this lives: a deep folder is named
/// by its open descriptor, which the kernel resolves like any path.
#[derive(Debug)]
pub(super) struct ShortPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl ShortPath {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= MAX_ADDRESS {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let folder = File::open(parent)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        Ok(Self {
            path: short.join(name),
            _folder: Some(folder),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
