//! The server's process: whether there is one, which, and where its program is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home::Home;

/// A server that holds the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Running {
    /// Its process id.
    pub(in crate::commands) pid: i32,
}

/// The server behind the socket of `home`; `None` when nobody listens there.
///
/// # Errors
/// The socket is there, but may not be opened.
pub(in crate::commands) async fn running(home: &Home) -> Result<Option<Running>> {
    let path = home.socket();
    let failed = |why: &dyn std::fmt::Display| {
        let what = format!("reach the server at {}", path.display());
        Error::new(Exit::Unreachable, what, why, "nexus doctor")
    };
    let connected = tokio::time::timeout(Duration::from_secs(5), UnixStream::connect(&path)).await;
    let stream = match connected {
        Err(_) => return Err(failed(&"it accepts no connection")),
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(failed(&error)),
            };
        }
    };
    let credentials = stream.peer_cred().map_err(|error| failed(&error))?;
    let pid = credentials.pid();
    pid.map(|pid| Some(Running { pid }))
        .ok_or_else(|| failed(&"the kernel does not tell whose process it is"))
}

/// A program of Nexus: in `NEXUS_BIN_DIR`, beside this one, or on the PATH.
pub(in crate::commands) fn find_binary(name: &str) -> Option<PathBuf> {
    let chosen = std::env::var_os("NEXUS_BIN_DIR").map(PathBuf::from);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.to_owned()));
    let searched = std::env::var_os("PATH").unwrap_or_default();
    chosen
        .into_iter()
        .chain(beside)
        .chain(std::env::split_paths(&searched))
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
        .and_then(|path| std::path::absolute(path).ok())
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}
