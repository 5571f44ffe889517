//! Finding the host's tools: a worker started by a service manager has no `sbin` on its path, where
//! the network's tools are.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

const ALWAYS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"];

/// The worker's own path, and where system tools are besides.
pub(super) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(ALWAYS.iter().map(PathBuf::from));
    env::join_paths(folders).expect("no folder of a path, and none of ours, holds a colon")
}

/// Where a program is, when it is installed.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let folders = env::split_paths(&search_path()).collect::<Vec<_>>();
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A call of it; starting it fails when it is not installed.
pub(super) fn command(name: &str) -> Command {
    Command::new(find(name).unwrap_or_else(|| PathBuf::from(name)))
}
